//! Other names for people, guilds and roles: the same one for the same, and nobody can tell whose without the key.

use std::path::Path;

use anyhow::anyhow;
use ring::{
    hmac,
    rand::{SecureRandom, SystemRandom},
};

use crate::store::{self, StoreError, Tx};

/// The fact that the key is kept under.
const KEY: &str = "pseudonym-key";

/// The smallest id that stands for another one. Ids of Discord hold the time at which they were made: these
/// would be of January 2015, months before there was a Discord.
const FIRST_ID: u64 = 900_000_000_000_000;

/// How many ids there are from there on: all have 15 digits.
const IDS: u64 = 100_000_000_000_000;

/// The most by which a moment that tells who somebody is becomes earlier: 90 days in milliseconds.
const MOST_EARLIER: u64 = 90 * 24 * 60 * 60 * 1_000;

/// The key that pseudonyms are made with.
pub(super) struct Pseudonyms(hmac::Key);

/// A key, and whether it will be the same next time.
pub(super) struct Kept {
    pub(super) pseudonyms: Pseudonyms,
    /// Why the key could not be kept.
    pub(super) problem: Option<StoreError>,
}

impl Pseudonyms {
    /// The key of this installation. The first time one is made up and kept in the database.
    pub(super) fn of(
        path: &Path,
        read: impl FnOnce(
            &dyn Fn(&Tx<'_>) -> Result<Option<String>, StoreError>,
        ) -> anyhow::Result<Option<String>>,
    ) -> anyhow::Result<Kept> {
        if let Some(key) = read(&|tx| tx.fact(KEY))? {
            return Ok(Kept { pseudonyms: Self::from_text(&key), problem: None });
        }
        let mut bytes = [0_u8; 32];
        SystemRandom::new().fill(&mut bytes).map_err(|_| anyhow!("the system gives no random numbers"))?;
        let fresh = hexadecimal(&bytes);
        let (key, problem) = match store::keep_fact(path, KEY, &fresh) {
            Ok(kept) => (kept, None),
            Err(problem) => (fresh, Some(problem)),
        };
        Ok(Kept { pseudonyms: Self::from_text(&key), problem })
    }

    /// The key as it is kept.
    pub(super) fn from_text(key: &str) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()))
    }

    /// An id in place of this one. Guilds, people and roles share one space of ids, as they do at Discord.
    pub(super) fn id(&self, id: u64) -> u64 {
        let tag = hmac::sign(&self.0, format!("id {id}").as_bytes());
        FIRST_ID + number_of(&tag) % IDS
    }

    /// By how many milliseconds the moments that tell who this person is become earlier: the same for all of them.
    pub(super) fn earlier(&self, id: u64) -> u64 {
        number_of(&hmac::sign(&self.0, format!("earlier {id}").as_bytes())) % MOST_EARLIER
    }

    /// A name in place of this person's.
    pub(super) fn name(&self, id: u64) -> String {
        let tag = hmac::sign(&self.0, format!("name {id}").as_bytes());
        format!("member-{}", hexadecimal(tag.as_ref().get(..4).unwrap_or_default()))
    }
}

impl std::fmt::Debug for Pseudonyms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pseudonyms(…)")
    }
}

/// The first bytes as a number.
fn number_of(tag: &hmac::Tag) -> u64 {
    tag.as_ref().iter().take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_key_gives_the_same_pseudonyms_and_another_key_gives_others() {
        let (one, same, other) =
            (Pseudonyms::from_text("a"), Pseudonyms::from_text("a"), Pseudonyms::from_text("b"));
        assert_eq!(one.id(900_000_001), same.id(900_000_001));
        assert_eq!(one.name(900_000_001), same.name(900_000_001));
        assert_ne!(one.id(900_000_001), other.id(900_000_001));
        assert_ne!(one.name(900_000_001), other.name(900_000_001));
        assert_ne!(one.id(900_000_001), one.id(900_000_002));
    }

    #[test]
    fn moments_of_a_person_become_earlier_by_what_nobody_can_tell_without_the_key() {
        let (one, other) = (Pseudonyms::from_text("a"), Pseudonyms::from_text("b"));
        assert_eq!(one.earlier(900_000_001), one.earlier(900_000_001));
        assert_ne!(one.earlier(900_000_001), one.earlier(900_000_002));
        assert_ne!(one.earlier(900_000_001), other.earlier(900_000_001));
        assert!((0..1_000).all(|id| one.earlier(id) < MOST_EARLIER));
    }

    #[test]
    fn no_pseudonym_can_be_an_id_that_exists() {
        let pseudonyms = Pseudonyms::from_text("key");
        for id in 0..1_000 {
            let made_at = (pseudonyms.id(id) >> 22) + 1_420_070_400_000;
            // 2015-01-05: Discord opened in May.
            assert!(made_at < 1_420_416_000_000, "{made_at}");
            assert_eq!(pseudonyms.id(id).to_string().len(), 15);
        }
    }
}
