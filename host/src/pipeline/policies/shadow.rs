//! A candidate that is asked about each event that was decided, and has no effect.
//!
//! It is asked after the decision was stored, by a worker of its own: a candidate that takes its time, or
//! fails, holds nobody up. What it would have done is compared with what was decided, one event at a time:
//! it is told the access that the other policy's decisions made, not one of its own.

use std::sync::PoisonError;

use tokio::sync::Notify;

use crate::{
    domain::{
        EventId, Timestamp,
        contract::{Action, Event},
    },
    pipeline::{context::Context, policies::reload::named, runtime::worker::Worker},
    policy::Policy,
    store::{Decided, Likeness, StoreError},
};

/// So many decisions are compared in one round.
const ROUND: u32 = 64;

/// Asks the candidate.
pub(in crate::pipeline) struct Shadower;

impl Worker for Shadower {
    const NAME: &'static str = "shadow";

    fn signal(core: &Context) -> &Notify {
        &core.signals.shadow
    }

    async fn round(&mut self, core: &Context) -> Result<Option<Timestamp>, StoreError> {
        let Some(candidate) = core.policies.candidate() else {
            return Ok(None);
        };
        let waiting = core.store.read(|tx| tx.to_compare(ROUND)).await?;
        if waiting.is_empty() {
            return Ok(None);
        }
        let digest = candidate.digest().to_owned();
        let compared = core
            .seam
            .compute(move || {
                let compare = |decision: Result<Decided, EventId>| match decision {
                    Ok((event, input, decided)) => {
                        let (likeness, actions, reason) = compare(&candidate, &input, &decided);
                        (event, likeness, actions, reason)
                    }
                    Err(event) => {
                        let reason = StoreError::Unreadable("a decision").to_string();
                        (event, Likeness::Failed, Vec::new(), reason)
                    }
                };
                waiting.into_iter().map(compare).collect::<Vec<_>>()
            })
            .await
            .ok_or_else(|| StoreError::Failed("the thread that asks the candidate ended".to_owned()))?;
        core.store
            .write(move |tx| {
                for (event, likeness, actions, reason) in &compared {
                    tx.put_comparison(*event, &digest, *likeness, actions, reason)?;
                }
                Ok(())
            })
            .await?;
        Ok(Some(core.seam.now()))
    }
}

/// How a candidate's decision on an event compares with what was decided.
fn compare(candidate: &Policy, input: &str, decided: &[Action]) -> (Likeness, Vec<Action>, String) {
    let event: Event = match serde_json::from_str(input) {
        Ok(event) => event,
        Err(error) => return (Likeness::Failed, Vec::new(), format!("the event can't be read: {error}")),
    };
    match candidate.evaluate(&event) {
        Ok(evaluation) => {
            let decision = evaluation.decision;
            let access = |actions| rolarr_policy::apply_all(&event.account.access, actions);
            let likeness = if decision.actions == decided {
                Likeness::Same
            } else if access(&decision.actions) == access(decided) {
                Likeness::Words
            } else {
                Likeness::Access
            };
            (likeness, decision.actions, decision.reason)
        }
        Err(error) => (Likeness::Failed, Vec::new(), error.cause.to_string()),
    }
}

impl Context {
    /// Takes the candidate that the configuration names, or none. Returns what an administrator should know of
    /// it, as a sentence to add.
    pub(super) async fn take_candidate(
        &self,
        candidate: Option<Result<Policy, String>>,
    ) -> Result<String, StoreError> {
        let (candidate, said) = match candidate {
            None => (None, String::new()),
            Some(Ok(candidate)) => {
                let said = format!(" {} runs beside it, without effect.", named(&candidate));
                (Some(candidate), said)
            }
            Some(Err(error)) => {
                tracing::error!(
                    error,
                    "the candidate can't be loaded; the policy that decides is not affected"
                );
                self.alarm(&format!("The candidate beside the policy can't be loaded: {error}")).await?;
                (None, " The candidate beside it can't be loaded.".to_owned())
            }
        };
        if candidate.is_none() {
            self.store.write(|tx| tx.drop_uncompared()).await?;
        }
        *self.policies.candidate.write().unwrap_or_else(PoisonError::into_inner) = candidate;
        self.signals.shadow.notify_one();
        self.signals.names.notify_one();
        Ok(said)
    }

    /// What a start says of the candidate.
    pub(in crate::pipeline) async fn begin_with_candidate(
        &self,
        candidate: Option<Result<Policy, String>>,
    ) -> Result<(), StoreError> {
        let said = self.take_candidate(candidate).await?;
        if !said.is_empty() {
            tracing::info!("the candidate:{said}");
        }
        Ok(())
    }
}
