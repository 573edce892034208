//! A new policy takes over, or an earlier one again.

use std::sync::{Arc, PoisonError};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    domain::{AuditKind, Timestamp, contract::Event},
    pipeline::{
        context::Context,
        decisions::undecided,
        ports::policy_source::{Configured, Loaded},
    },
    policy::{Mark, Policy},
    store::{Answer, KeptPolicy, Shelved, StoreError, Tx},
};

/// So many of the last recorded events a policy must decide before it takes over.
const TRIED_ON: u32 = 200;

/// The fact that a policy was rolled back is kept under this name.
const ROLLED_BACK: &str = "policy-rolled-back";

/// Somebody took back what the configuration names. It holds until the configuration names something else, or
/// somebody asks for what it names.
#[derive(Serialize, Deserialize)]
struct RolledBack {
    /// The digest of what the configuration named.
    from: String,
    /// The digest of what decides instead.
    to: String,
}

/// Why what the configuration names is loaded anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pipeline) enum Why {
    /// Somebody asked for it.
    Asked,
    /// A file of it changed.
    FileChanged,
}

impl Context {
    /// Loads what the configuration names, and lets it take over. Says what came of it, for people; an error
    /// means that nothing changed.
    pub(in crate::pipeline) async fn reload_policy(
        &self,
        why: Why,
        order: Option<i64>,
    ) -> Result<Result<String, String>, StoreError> {
        let generation = self.policies.generation();
        let _one = self.policies.swapping.lock().await;
        if let Some(said) = self.policies.is_past(generation) {
            return Ok(Err(said.to_owned()));
        }
        let source = Arc::clone(&self.policies.source);
        let loaded = self.seam.compute(move || (source.stamp(), source.load(), source.stamp())).await;
        let configured = match loaded {
            Some((before, configured, after)) => {
                if before == after {
                    self.policies.watched.lock().unwrap_or_else(PoisonError::into_inner).take(after);
                }
                configured
            }
            None => Err("the thread that loads it ended".to_owned()),
        };
        if let Some(said) = self.policies.is_past(generation) {
            return Ok(Err(said.to_owned()));
        }
        let Configured { active, candidate } = match configured {
            Ok(configured) => configured,
            Err(error) => return self.refused(&error).await.map(Err),
        };
        let elsewhere = changed_elsewhere(&self.policies.source.changed_elsewhere());
        let noted = self.take_candidate(candidate).await? + &elsewhere;
        let digest = active.policy.digest().to_owned();
        if digest == self.policy().digest() {
            self.policies.names(&digest, false);
            let lifted = if why == Why::Asked { self.let_ask_again().await? } else { 0 };
            let said = if lifted > 0 {
                format!(
                    "{} decides already, and may ask again for what it was stopped for.",
                    named(&active.policy)
                )
            } else {
                format!("{} decides already: nothing changed.", named(&active.policy))
            };
            return Ok(Ok(said + &noted));
        }
        // A file that was only touched does not end what an administrator went back to.
        if why == Why::FileChanged && self.policies.is_gone_back_from(&digest) {
            return Ok(Ok(format!(
                "{} goes on deciding: the configuration names what it did before.{noted}",
                named(&self.policy())
            )));
        }
        if let Err(error) = self.try_out(&active.policy).await? {
            self.policies.names(&digest, true);
            return self.refused(&error).await.map(Err);
        }
        if let Some(said) = self.policies.is_past(generation) {
            return Ok(Err(said.to_owned()));
        }
        self.policies.names(&digest, false);
        self.put_in_force(active, None, &noted, order).await.map(Ok)
    }

    /// Lets an earlier policy take over again: one with this name or whose digest begins so, or the last one
    /// before the present.
    pub(in crate::pipeline) async fn roll_back_policy(
        &self,
        wanted: Option<&str>,
        order: Option<i64>,
    ) -> Result<Result<String, String>, StoreError> {
        let generation = self.policies.next_generation();
        let _one = self.policies.swapping.lock().await;
        let present = self.policy().digest().to_owned();
        let (kept, back) = self.store.read(|tx| Ok((tx.kept_policies()?, rolled_back(tx)?))).await?;
        let earlier: Vec<&KeptPolicy> = kept.iter().filter(|kept| kept.digest != present).collect();
        // Whoever goes back twice does not want what they went back from.
        let left = back.map(|back| back.from);
        let found = match wanted {
            None => earlier.iter().find(|kept| left.as_ref() != Some(&kept.digest)),
            Some(wanted) => earlier
                .iter()
                .find(|kept| kept.name == wanted)
                .or_else(|| earlier.iter().find(|kept| wanted.len() >= 6 && kept.digest.starts_with(wanted))),
        };
        let Some(&kept) = found else {
            let known: Vec<String> =
                earlier.iter().map(|kept| format!("`{}` ({})", kept.name, short(&kept.digest))).collect();
            let known = if known.is_empty() { "there is none yet".to_owned() } else { known.join(", ") };
            return Ok(Err(match wanted {
                Some(wanted) => {
                    format!("no earlier policy is called `{}`: {known}.", crate::policy::printable(wanted))
                }
                None => "there is no earlier policy to go back to.".to_owned(),
            }));
        };
        let loaded = self.load_kept(kept.clone()).await?;
        if let Some(said) = self.policies.is_past(generation) {
            return Ok(Err(said.to_owned()));
        }
        let loaded = match loaded {
            Ok(loaded) => loaded,
            Err(error) => return self.refused(&error).await.map(Err),
        };
        if let Err(error) = self.try_out(&loaded.policy).await? {
            return self.refused(&error).await.map(Err);
        }
        let from = self.policies.configured();
        let back = RolledBack { from, to: kept.digest.clone() };
        // Going back to what the configuration names is no exception from it.
        let back = (back.from != back.to).then_some(back);
        self.put_in_force(loaded, back, "", order).await.map(Ok)
    }

    /// What was rolled back before the start is rolled back still, and a policy that decides for the first time is
    /// tried as at a swap: the last one goes on if it fails. Then takes note of the policy that decides.
    pub(in crate::pipeline) async fn begin_with_policy(&self, configured: Loaded) -> Result<(), StoreError> {
        let digest = configured.policy.digest().to_owned();
        let (kept, back) = self.store.read(|tx| Ok((tx.kept_policies()?, rolled_back(tx)?))).await?;
        let back = back.filter(|back| back.from == digest);
        let last = kept.first().filter(|last| last.digest != digest);
        let kept = match &back {
            Some(back) => kept.iter().find(|kept| kept.digest == back.to).cloned(),
            None => None,
        };
        let Some(kept) = kept else {
            if let Some(last) = last.cloned()
                && let Err(error) = self.try_out(&configured.policy).await?
                && let Ok(last) = self.load_kept(last).await?
            {
                self.policies.names(&digest, true);
                self.note_in_force(last, None, None).await?;
                self.refused(&error).await?;
                return Ok(());
            }
            return self.note_in_force(configured, None, None).await;
        };
        match self.load_kept(kept).await? {
            Ok(loaded) => {
                tracing::warn!(
                    policy = named(&loaded.policy),
                    configured = named(&configured.policy),
                    "an earlier policy decides, as an administrator wished; `rolarr policy reload` ends that"
                );
                self.note_in_force(loaded, back, None).await
            }
            Err(error) => {
                self.alarm(&format!(
                    "The policy that you had gone back to can't be loaded any more: {error}. {} decides, as \
                     configured.",
                    named(&configured.policy)
                ))
                .await?;
                self.note_in_force(configured, None, None).await
            }
        }
    }

    /// Whatever the policy in force was stopped for, it may ask for again. Returns for how many members it was.
    async fn let_ask_again(&self) -> Result<usize, StoreError> {
        let (now, name) = (self.seam.now(), self.policy().metadata().name.clone());
        let lifted = self
            .store
            .write(move |tx| {
                let lifted = tx.forget_pace()?;
                tx.shelve_wakes(&name, now)?;
                Ok(lifted)
            })
            .await?;
        self.signals.timers.notify_one();
        Ok(lifted)
    }

    async fn load_kept(&self, kept: KeptPolicy) -> Result<Result<Loaded, String>, StoreError> {
        let digest = kept.module.clone();
        let Some(module) = self.store.read(move |tx| tx.kept_module(&digest)).await? else {
            return Ok(Err("its module is not there any more".to_owned()));
        };
        let source = Arc::clone(&self.policies.source);
        let loaded = self.seam.compute(move || source.load_kept(&kept, module)).await;
        Ok(loaded.unwrap_or_else(|| Err("the thread that loads it ended".to_owned())))
    }

    /// Has a policy decide the last recorded events. What it decides does not matter, only that it does.
    async fn try_out(&self, policy: &Policy) -> Result<Result<(), String>, StoreError> {
        let recorded = self.store.read(|tx| tx.last_inputs(TRIED_ON)).await?;
        let policy = policy.clone();
        let tried = self
            .seam
            .compute(move || {
                for input in &recorded {
                    // One that can't be read is from another time, and says nothing about this policy.
                    let Ok(event) = serde_json::from_str::<Event>(input) else { continue };
                    policy.evaluate(&event).map_err(|error| error.to_string())?;
                }
                Ok(())
            })
            .await;
        Ok(tried.unwrap_or_else(|| Err("the thread that tries it ended".to_owned())))
    }

    /// Says what took over. The order that asked for it is answered with it.
    async fn put_in_force(
        &self,
        loaded: Loaded,
        back: Option<RolledBack>,
        noted: &str,
        order: Option<i64>,
    ) -> Result<String, StoreError> {
        let before = named(&self.policy());
        let now = named(&loaded.policy);
        let rolled_back = back.is_some();
        let held = if rolled_back {
            " It stays until the configuration names another, or `rolarr policy reload`."
        } else {
            ""
        };
        let said = format!(
            "{now} decides now, in place of {before}. Nothing changes for anybody by that: `rolarr policy apply` \
             shows what would, and does it.{held}"
        );
        let answer = order.map(|order| (order, Answer::Done(format!("{said}{noted}"))));
        self.note_in_force(loaded, back, Some((said.clone(), answer))).await?;
        tracing::info!(policy = now, before, "another policy decides");
        Ok(said + noted)
    }

    async fn note_in_force(
        &self,
        loaded: Loaded,
        back: Option<RolledBack>,
        said: Option<(String, Option<(i64, Answer)>)>,
    ) -> Result<(), StoreError> {
        let now = self.seam.now();
        let policy = loaded.policy.clone();
        let guilds = undecided::guilds(self);
        let active = Arc::clone(&self.policies.active);
        let before = self.policy();
        let noted = self
            .store
            .write(move |tx| {
                let shelved = note(tx, now, &loaded, back.as_ref())?;
                // Perhaps this one can decide what another could not.
                let unanswered = tx.unanswered_by_others(loaded.policy.digest())?;
                let unread = undecided::ask_again(tx, &guilds, &unanswered, now)?;
                if let Some((mut text, answer)) = said {
                    text.push_str(&of_wakes(shelved));
                    tx.audit(now, None, None, AuditKind::Policy, &text)?;
                    if let Some((order, answer)) = answer {
                        tx.answer_order(order, now, &answer)?;
                    }
                }
                // Whoever is asked about from here on is asked about with this one.
                *active.write().unwrap_or_else(PoisonError::into_inner) = loaded.policy;
                Ok((shelved, unread))
            })
            .await;
        let (shelved, unread) = noted.inspect_err(|_| {
            *self.policies.active.write().unwrap_or_else(PoisonError::into_inner) = before;
        })?;
        self.signals.timers.notify_one();
        self.reserve_labels(&policy);
        self.signals.names.notify_one();
        if shelved != Shelved::default() {
            tracing::info!(
                aside = shelved.aside,
                back = shelved.back,
                "wakes were set aside, or taken up again"
            );
        }
        self.put_all_aside(&unread).await
    }

    /// The labels by which a policy hides are Rolarr's, whoever writes them.
    fn reserve_labels(&self, policy: &Policy) {
        let labels = policy.marked().iter().filter(|marked| marked.mark == Mark::Label);
        let labels: Vec<String> = labels.map(|marked| marked.text.to_lowercase()).collect();
        if !labels.is_empty() {
            self.go_by(|settings| settings.reserved_labels.extend(labels));
        }
    }

    async fn refused(&self, error: &str) -> Result<String, StoreError> {
        let text = format!("The policy was not changed, {} goes on deciding: {error}", named(&self.policy()));
        tracing::error!(error, "the policy was not changed");
        self.alarm(&text).await?;
        Ok(text)
    }

    pub(super) async fn alarm(&self, text: &str) -> Result<(), StoreError> {
        let (at, text) = (self.seam.now(), text.to_owned());
        self.store.write(move |tx| tx.audit(at, None, None, AuditKind::Alarm, &text)).await?;
        Ok(())
    }
}

fn rolled_back(tx: &Tx<'_>) -> Result<Option<RolledBack>, StoreError> {
    Ok(tx.fact(ROLLED_BACK)?.and_then(|text| serde_json::from_str(&text).ok()))
}

/// What became of wakes, for people.
fn of_wakes(shelved: Shelved) -> String {
    let count = |count: usize| if count == 1 { "1 wake".to_owned() } else { format!("{count} wakes") };
    let mut text = String::new();
    if shelved.aside > 0 {
        text.push_str(&format!(
            " {} of the earlier policy wait until a policy of its name decides again.",
            count(shelved.aside)
        ));
    }
    if shelved.back > 0 {
        text.push_str(&format!(" {} that it had asked for before come again.", count(shelved.back)));
    }
    text
}

/// Returns what became of wakes.
fn note(
    tx: &Tx<'_>,
    now: Timestamp,
    loaded: &Loaded,
    back: Option<&RolledBack>,
) -> Result<Shelved, StoreError> {
    let metadata = loaded.policy.metadata();
    let kept = KeptPolicy {
        digest: loaded.policy.digest().to_owned(),
        name: metadata.name.clone(),
        version: metadata.version.clone(),
        origin: loaded.module.name.clone(),
        module: Sha256::digest(&loaded.module.bytes).iter().map(|byte| format!("{byte:02x}")).collect(),
        settings: loaded.settings.clone(),
        sources: loaded.module.sources.clone(),
        since: now,
    };
    let present = tx.kept_policies()?.into_iter().next().map(|kept| kept.digest);
    if present.is_some_and(|present| present != kept.digest) {
        // Another policy is another's asking.
        tx.forget_pace()?;
    }
    // Who decided up to now is known from what is kept up to now.
    let shelved = tx.shelve_wakes(&metadata.name, now)?;
    tx.keep_policy(&kept, &loaded.module.bytes)?;
    match back {
        None => tx.drop_fact(ROLLED_BACK)?,
        Some(back) => {
            let text = serde_json::to_string(back)
                .map_err(|_| StoreError::Unreadable("a value that can't be written as JSON"))?;
            tx.put_fact(ROLLED_BACK, &text)?;
        }
    }
    Ok(shelved)
}

/// A policy, for people.
pub(super) fn named(policy: &Policy) -> String {
    let metadata = policy.metadata();
    format!(
        "`{} {}` ({})",
        crate::policy::printable(&metadata.name),
        crate::policy::printable(&metadata.version),
        short(policy.digest())
    )
}

/// The beginning of a digest: enough to tell policies apart.
fn short(digest: &str) -> &str {
    digest.get(..8).unwrap_or(digest)
}

/// What else changed in the configuration, for people; empty if nothing did.
fn changed_elsewhere(sections: &[String]) -> String {
    if sections.is_empty() {
        return String::new();
    }
    let names: Vec<String> = sections.iter().map(|name| format!("`[{name}]`")).collect();
    format!(
        " The configuration changed in {} too: that takes effect when the bot is started again.",
        names.join(", ")
    )
}
