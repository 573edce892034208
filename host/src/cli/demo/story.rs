//! The story, step by step: what people do, and what must be true after it with the default policy.

use super::{
    facts::{Decided, Facts, Told, action_name},
    world::{ADDRESS, World},
};

/// What people do in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Rolarr starts in a guild that exists already.
    Start,
    /// Ann gets the role.
    Role,
    /// Ann answers with something that is no address.
    BadAddress,
    /// Ann answers with her address.
    GoodAddress,
    /// Ann accepts the invitation.
    Accept,
    /// The owner sets a filter of their own for Ann, and she watches something.
    OwnersFilter,
    /// Ann loses the role.
    RoleLost,
    /// Ann gets the role back.
    RoleBack,
    /// Ann leaves the Discord server.
    Leave,
}

/// The steps in their order.
pub(super) const STORY: [Step; 9] = [
    Step::Start,
    Step::Role,
    Step::BadAddress,
    Step::GoodAddress,
    Step::Accept,
    Step::OwnersFilter,
    Step::RoleLost,
    Step::RoleBack,
    Step::Leave,
];

const BAD: &str = "ann at example.org";
const OWNERS: &str = "contentRating=G";
const CLOSED: &str = "label=noAccess";
const FILM: &str = "Ponies";

impl Step {
    /// Its title.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Start => "Rolarr starts",
            Self::Role => "Ann gets the role",
            Self::BadAddress => "Ann answers with a bad address",
            Self::GoodAddress => "Ann answers with a good address",
            Self::Accept => "Ann accepts the invitation",
            Self::OwnersFilter => "The owner sets a filter of their own, and Ann watches",
            Self::RoleLost => "Ann loses the role",
            Self::RoleBack => "Ann gets the role back",
            Self::Leave => "Ann leaves the Discord server",
        }
    }

    /// What happens, and where.
    pub(super) fn happens(self) -> (&'static str, String) {
        match self {
            Self::Start => ("Discord", "Ben has the role `Subscriber` already, Ann has not".to_owned()),
            Self::Role => ("Discord", "an administrator gives Ann the role `Subscriber`".to_owned()),
            Self::BadAddress => {
                ("Discord", format!("Ann presses the button and types `{BAD}` into the form"))
            }
            Self::GoodAddress => ("Discord", format!("Ann presses it again and types `{ADDRESS}`")),
            Self::Accept => ("Plex", "Ann accepts in her Plex app".to_owned()),
            Self::OwnersFilter => {
                ("Plex", format!("the owner sets `{OWNERS}` for movies; Ann plays \"{FILM}\""))
            }
            Self::RoleLost => ("Discord", "an administrator takes the role `Subscriber` from Ann".to_owned()),
            Self::RoleBack => ("Discord", "an administrator gives it back".to_owned()),
            Self::Leave => ("Discord", "Ann leaves".to_owned()),
        }
    }

    /// Makes it happen in the simulators.
    ///
    /// # Errors
    /// What it needs is not there, so that nothing happens.
    pub(super) async fn act(self, world: &mut World) -> anyhow::Result<()> {
        let cast = world.cast;
        match self {
            Self::Start => {}
            Self::Role | Self::RoleBack => {
                world.discord.with(|sim, now| sim.add_role(now, cast.guild, cast.ann, cast.role))?;
            }
            Self::BadAddress => world.answer(BAD).await?,
            Self::GoodAddress => world.answer(ADDRESS).await?,
            Self::Accept => {
                let now = rolarr_sim::discord::now_ms();
                world.plex().person_accepts(now, ADDRESS)?;
            }
            Self::OwnersFilter => {
                let mut plex = world.plex();
                plex.owner_sets_filter(cast.ann_at_plex, "filterMovies", OWNERS)?;
                plex.start_stream(cast.ann_at_plex, FILM)?;
            }
            Self::RoleLost => {
                world.discord.with(|sim, now| sim.remove_role(now, cast.guild, cast.ann, cast.role))?;
            }
            Self::Leave => world.discord.with(|sim, now| sim.leave(now, cast.guild, cast.ann))?,
        }
        Ok(())
    }

    /// What must be true after it with the default policy.
    pub(super) fn expect(self, before: &Facts, now: &Facts) -> Vec<Check> {
        match self {
            Self::Start => vec![
                Check::that("nobody is asked or messaged", 0, now.direct_messages),
                Check::that("nothing is changed at Plex", 0, now.writes),
            ],
            Self::Role => vec![
                decided(before, now, "invite"),
                Check::that("Ann is asked once, with a button", vec![true], asked(before, now)),
                Check::that("nothing is changed at Plex", 0, now.writes),
            ],
            Self::BadAddress => vec![
                last_word(now, "does not look like an e-mail address"),
                Check::that("the question stays open", true, is_open(now)),
                Check::that("nothing is changed at Plex", 0, now.writes),
            ],
            Self::GoodAddress => vec![
                last_word(now, "Plex will send an invitation"),
                Check::that("the address can be changed until she accepts", true, is_open(now)),
                Check::that("one invitation is out, and not accepted", (1, Some(false)), invitation(now)),
                Check::that("the address is kept until Ann is removed", true, now.address_kept),
            ],
            Self::Accept => vec![
                Check::that(
                    "Ann is a friend with a share",
                    (true, Some(true)),
                    (now.plex.friend, accepted(now)),
                ),
                Check::that("the question is closed", false, is_open(now)),
                Check::that("it has all libraries", all_libraries(), libraries(now)),
                Check::that("no filter is set", String::new(), filters(now)),
            ],
            Self::OwnersFilter => vec![
                Check::that("the owner's filter holds", format!("filterMovies {OWNERS}"), filters(now)),
                Check::that("Rolarr leaves it alone", before.writes, now.writes),
                Check::that("Ann plays a film", vec![FILM.to_owned()], now.plex.plays.clone()),
            ],
            Self::RoleLost => vec![
                decided(before, now, "restrict-to"),
                Check::that(
                    "both filters read `label=noAccess`",
                    format!("filterMovies {CLOSED}, filterTelevision {CLOSED}"),
                    filters(now),
                ),
                Check::that("she sees no movies and no television", "Music, Photos".to_owned(), sees(now)),
                Check::that("the film is stopped", Vec::<String>::new(), now.plex.plays.clone()),
                Check::that(
                    "share and friendship are kept",
                    (true, Some(true)),
                    (now.plex.friend, accepted(now)),
                ),
                Check::that("watch history is kept", vec![FILM.to_owned()], now.plex.history.clone()),
                last_word(now, "is paused"),
            ],
            Self::RoleBack => vec![
                decided(before, now, "unrestrict"),
                Check::that(
                    "the owner's filter is back, not blanked",
                    format!("filterMovies {OWNERS}"),
                    filters(now),
                ),
                Check::that("watch history is kept", vec![FILM.to_owned()], now.plex.history.clone()),
                last_word(now, "is back"),
            ],
            Self::Leave => vec![
                decided(before, now, "remove"),
                Check::that("share and friendship are gone", (false, None), (now.plex.friend, accepted(now))),
                Check::that("the address is in no file any more", false, now.address_kept),
                Check::that("who left is not messaged", before.direct_messages, now.direct_messages),
            ],
        }
    }
}

/// Something that must be true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Check {
    /// What.
    pub(super) what: String,
    /// What it should be, and what it is, where they differ.
    pub(super) wrong: Option<(String, String)>,
}

impl Check {
    fn that<T: PartialEq + std::fmt::Debug>(what: impl Into<String>, wanted: T, is: T) -> Self {
        let wrong = (wanted != is).then(|| (format!("{wanted:?}"), format!("{is:?}")));
        Self { what: what.into(), wrong }
    }

    /// The policy failed on an event.
    pub(super) fn undecided(event: &Decided) -> Self {
        let is = event.decision.as_ref().err().cloned().unwrap_or_default();
        Self { what: "the policy decides".to_owned(), wrong: Some(("a decision".to_owned(), is)) }
    }

    /// The bot has nothing left to do.
    pub(super) fn at_rest(facts: &Facts) -> Self {
        Self::that("the bot comes to rest", "at rest", facts.busy.unwrap_or("at rest"))
    }
}

/// The first event of this step led to this action alone.
fn decided(before: &Facts, now: &Facts, wanted: &str) -> Check {
    let first = now.decided.get(before.decided.len());
    let is = match first.map(|first| &first.decision) {
        None => "no event".to_owned(),
        Some(Err(why)) => format!("undecided: {why}"),
        Some(Ok((actions, _))) => actions.iter().map(action_name).collect::<Vec<_>>().join(", "),
    };
    Check::that(format!("the policy decides `{wanted}`"), wanted.to_owned(), is)
}

/// Whether each message since then can be answered with a button.
fn asked(before: &Facts, now: &Facts) -> Vec<bool> {
    now.told.iter().skip(before.told.len()).map(can_answer).collect()
}

fn is_open(now: &Facts) -> bool {
    now.told.iter().any(can_answer)
}

fn can_answer(told: &Told) -> bool {
    told.buttons.iter().any(|(_, enabled)| *enabled)
}

fn last_word(now: &Facts, part: &str) -> Check {
    let text = now.told.last().map(|told| told.text.clone()).unwrap_or_default();
    let is = if text.contains(part) { part.to_owned() } else { text };
    Check::that(format!("Ann reads \"… {part} …\""), part.to_owned(), is)
}

fn invitation(now: &Facts) -> (usize, Option<bool>) {
    (now.plex.invites, accepted(now))
}

/// Whether the share is accepted; none if there is none.
fn accepted(now: &Facts) -> Option<bool> {
    now.plex.share.as_ref().map(|(_, accepted)| *accepted)
}

fn libraries(now: &Facts) -> Vec<String> {
    now.plex.share.as_ref().map(|(libraries, _)| libraries.clone()).unwrap_or_default()
}

fn all_libraries() -> Vec<String> {
    ["Movies", "TV Shows", "Music", "Photos"].map(str::to_owned).to_vec()
}

fn filters(now: &Facts) -> String {
    let filters = now.plex.filters.iter().map(|(name, filter)| format!("{name} {filter}"));
    filters.collect::<Vec<_>>().join(", ")
}

/// The libraries in which there is anything to see.
fn sees(now: &Facts) -> String {
    let open = now.plex.sees.iter().filter(|(_, titles)| !titles.is_empty());
    open.map(|(library, _)| library.as_str()).collect::<Vec<_>>().join(", ")
}
