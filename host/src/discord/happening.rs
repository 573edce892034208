//! What a session on the gateway tells: what happened on Discord, and why there can be no further session.

use crate::pipeline::ports::{GatewayNews, Hint};

/// Discord does not let the bot in, and would not the next time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fatal {
    /// Close code 4004.
    #[error(
        "Discord does not accept the bot's token (close code 4004): open the application in the developer \
         portal (https://discord.com/developers/applications), choose `Reset Token` under `Bot`, and put the \
         new token into the configuration"
    )]
    Token,
    /// Close code 4013.
    #[error(
        "Discord does not know the gateway intents that the bot asks for (close code 4013): this version of \
         the bot is too old for Discord's gateway; install a newer one"
    )]
    UnknownIntents,
    /// Close code 4014.
    #[error(
        "Discord does not let the bot see the members (close code 4014): open the application in the \
         developer portal (https://discord.com/developers/applications), switch on `Server Members Intent` \
         under `Bot`, `Privileged Gateway Intents`, and start the bot again"
    )]
    RefusedIntents,
    /// A part of the adapter is gone, so nothing would be passed on any more.
    #[error("the bot's own {0} ended unexpectedly; start the bot again and report this with the log")]
    Broken(&'static str),
}

/// Something on the gateway that the pipeline is told of.
#[derive(Debug)]
pub(super) enum Happening {
    Hint(Hint),
    News(GatewayNews),
    /// A lost connection is replaced and its session resumed; so many times in a row by now.
    Reconnects(u32),
}
