//! A story that passes through every step of the pipeline, in chapters. After each one the bot rests.

use rolarr_sim::discord::UserId;
use rolarr_tests::{World, plex::restricted};

const ANN: &str = "ann@example.org";
const NEW: &str = "somebody.new@example.org";

/// How many chapters there are.
pub(crate) const CHAPTERS: usize = 9;

/// What happens in a chapter, until it shows at Plex or on Discord.
pub(crate) async fn happens(chapter: usize, world: &World) {
    let (alice, bob) = (world.scene.alice, world.scene.bob);
    match chapter {
        0 => {
            world.gets_role(alice);
            world.asked(alice).await;
        }
        1 => gives(world, alice, ANN).await,
        2 => {
            world.accepts(ANN);
            world.owner_sets(ANN, "filterMovies", "contentRating=G");
            let joined = || world.database().is_some_and(|database| database.stage(alice) == "joined");
            world.eventually("the acceptance is known", joined).await;
        }
        3 => {
            world.loses_role(alice);
            world.eventually("it is restricted", || world.filters(ANN) == restricted()).await;
        }
        4 => {
            world.gets_role(alice);
            let before = [("filterMovies", "contentRating=G".to_owned())].into();
            world.eventually("it is as it was", || world.filters(ANN) == before).await;
        }
        5 => {
            world.gets_role(bob);
            world.asked(bob).await;
        }
        6 => gives(world, bob, NEW).await,
        7 => {
            world.loses_role(bob);
            world.eventually("it is withdrawn", || world.plex(|sim, _| sim.invites().is_empty())).await;
        }
        _ => {
            world.leaves(alice);
            world.eventually("the share is gone", || !world.is_friend(ANN)).await;
        }
    }
}

/// Enters the address into the form, and waits for the invitation: the bot may not live to answer.
async fn gives(world: &World, member: UserId, address: &str) {
    let question = world.asked(member).await;
    let pressed = world.presses(member, question).await;
    world.discord(|sim, now| sim.submit_modal(now, pressed, &[("email", address)])).unwrap();
    world.eventually("an invitation is out", || world.is_invited(address)).await;
}
