//! A world to begin with.

use super::{sim::PlexSim, world::World};

/// The owner's token in the sample world.
pub const OWNER_TOKEN: &str = "owner-token";
/// The `machineIdentifier` of the sample world's server.
pub const MACHINE: &str = "0123456789abcdef0123456789abcdef01234567";
/// The `machineIdentifier` of the owner's other server.
pub const OTHER_MACHINE: &str = "89abcdef0123456789abcdef0123456789abcdef";

impl PlexSim {
    /// An owner with a Plex Pass, the server `Attic` with four libraries and a few items, a second server
    /// `Cellar` with one library, and three people who have accounts and nothing to do with the owner yet:
    /// `ann@example.org`, `ben@example.org` and `cleo@example.org`. Item `Ponies` carries the label `Kids`.
    #[must_use]
    pub fn sample() -> Self {
        let mut world = World::new("owner@example.org", "owner", "The Owner", OWNER_TOKEN);
        let libraries = [("Movies", "movie"), ("TV Shows", "show"), ("Music", "artist"), ("Photos", "photo")];
        world.add_server(MACHINE, "Attic", &libraries);
        world.add_server(OTHER_MACHINE, "Cellar", &[("Documentaries", "movie")]);
        world.add_item("Movies", "Ponies", &["Kids"], "G");
        world.add_item("Movies", "Shootout", &[], "R");
        world.add_item("TV Shows", "Harbour", &[], "TV-14");
        world.add_item("Music", "The Sines", &[], "");
        world.add_item("Photos", "Summer", &[], "");
        world.add_item("Documentaries", "Glaciers", &[], "G");
        world.add_person("ann@example.org", "ann", "Ann");
        world.add_person("ben@example.org", "ben", "Ben B.");
        world.add_person("cleo@example.org", "cleo", "Cleo");
        Self::new(world)
    }
}
