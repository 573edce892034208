//! What administrators ask for on the command line: taken out of the database, carried out, answered.

use tokio::sync::Notify;

use crate::{
    domain::{Timestamp, UserId},
    pipeline::{
        approvals::verdict::{Verdict, Whom},
        context::Context,
        policies::ordered::is_a_swap,
        runtime::worker::Worker,
        texts,
    },
    store::{Answer, Order, StoreError},
};

/// Carries out the requests that wait. One that changes what is stored is answered in the transaction that does so: a
/// crash can't make it count twice, or lose it.
pub(in crate::pipeline) struct CliRequests;

impl Worker for CliRequests {
    const NAME: &'static str = "cli-requests";

    fn signal(context: &Context) -> &Notify {
        &context.signals.cli_requests
    }

    async fn round(&mut self, core: &Context) -> Result<Option<Timestamp>, StoreError> {
        let mut last = 0;
        while let Some((id, order)) = core.store.read(move |tx| tx.next_order_after(last)).await? {
            last = id;
            if order.as_ref().is_some_and(is_a_swap) {
                core.signals.swaps.notify_one();
                continue;
            }
            // Whoever asked may have given up at this moment.
            if !core.store.write(move |tx| tx.take_up_order(id)).await? {
                continue;
            }
            let answer = match order {
                Some(order) => match core.carry_out_order(id, order).await {
                    Ok(answer) => answer,
                    // It is no better the next time, and others wait behind it.
                    Err(error @ StoreError::Unreadable(_)) => Some(Answer::Failed(error.to_string())),
                    Err(other) => return Err(other),
                },
                None => {
                    tracing::error!(order = id, "an order from the command line can't be read");
                    Some(Answer::Failed(texts::ORDER_UNREADABLE.to_owned()))
                }
            };
            if let Some(answer) = answer {
                core.answer_order(id, answer).await?;
            }
        }
        // Nobody tells us what another program writes into the database.
        Ok(Some(core.after(core.settings().timings.notice)))
    }
}

impl Context {
    /// Answers an order that was not answered yet.
    pub(in crate::pipeline) async fn answer_order(&self, id: i64, answer: Answer) -> Result<(), StoreError> {
        let now = self.seam.now();
        self.store
            .write(move |tx| if tx.order_waits(id)? { tx.answer_order(id, now, &answer) } else { Ok(()) })
            .await
    }

    /// Carries out an order, and returns the answer to it; none where it was answered already.
    async fn carry_out_order(&self, id: i64, order: Order) -> Result<Option<Answer>, StoreError> {
        let whom = |member: Option<UserId>| Whom::Ordered { order: id, all: member.is_none() };
        let answer = match order {
            Order::Approve(member) => {
                self.decide_holds(Verdict::Approve, whom(member), None).await?;
                return Ok(None);
            }
            Order::Reject(member) => {
                self.decide_holds(Verdict::Reject, whom(member), None).await?;
                return Ok(None);
            }
            Order::ApproveListed(_) => {
                self.decide_holds(Verdict::Approve, whom(None), None).await?;
                return Ok(None);
            }
            Order::RejectListed(_) => {
                self.decide_holds(Verdict::Reject, whom(None), None).await?;
                return Ok(None);
            }
            Order::Apply(scope) => {
                self.apply_policy(scope, Some(id)).await?;
                return Ok(None);
            }
            Order::Plan(scope) => Answer::Plan(self.plan(scope).await?),
            // These take as long as loading a policy does: a worker of their own carries them out.
            Order::Reload | Order::RollBack(_) => return Ok(None),
        };
        Ok(Some(answer))
    }
}
