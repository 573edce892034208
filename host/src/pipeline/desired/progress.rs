//! How far the host has got with a member, in the contract's words.

use crate::{
    domain::contract::Progress,
    store::{PromptState, Stage},
};

/// What is known of a member's place at Plex.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// An administrator must decide first.
    pub held: bool,
    /// Plex refuses for good.
    pub parked: bool,
    /// There is an e-mail address, or an account.
    pub known: bool,
    /// How far the share has got.
    pub stage: Stage,
    /// The latest question for the address.
    pub prompt: Option<PromptState>,
    /// There is work to do at Plex.
    pub due: bool,
}

impl Place {
    /// How far the host has got.
    #[must_use]
    pub fn progress(&self) -> Progress {
        match (self.stage, self.prompt) {
            _ if self.held => Progress::Held,
            _ if self.parked => Progress::Parked,
            (Stage::None, Some(PromptState::Open)) if !self.known => Progress::Asking,
            (Stage::None, Some(PromptState::Expired)) if !self.known => Progress::AskExpired,
            (Stage::Inviting | Stage::Leaving, _) => Progress::Working,
            (Stage::Invited, _) => Progress::Invited,
            (Stage::Declined, _) => Progress::Declined,
            (Stage::Lost, _) => Progress::Lost,
            (Stage::None | Stage::Joined, _) if self.due => Progress::Working,
            (Stage::None | Stage::Joined, _) => Progress::Settled,
        }
    }
}
