//! What administrators ask for on the command line: taken out of the database, carried out, answered.

use super::{
    brake::{Verdict, Whom},
    core::Core,
    policies::Why,
    texts,
};
use crate::{
    domain::UserId,
    store::{Answer, Order, StoreError},
};

impl Core {
    /// Carries out the orders that wait. An order that changes what is stored is answered in the transaction
    /// that does so: a crash can't make it count twice, or lose it.
    pub(super) async fn take_up_orders(&self) -> Result<(), StoreError> {
        while let Some((id, order)) = self.store.read(|tx| tx.next_order()).await? {
            // Whoever asked may have given up at this moment.
            if !self.store.write(move |tx| tx.take_up_order(id)).await? {
                continue;
            }
            let answer = match order {
                Some(order) => match self.carry_out_order(id, order).await {
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
                let now = self.seam.now();
                self.store
                    .write(
                        move |tx| {
                            if tx.order_waits(id)? { tx.answer_order(id, now, &answer) } else { Ok(()) }
                        },
                    )
                    .await?;
            }
        }
        Ok(())
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
            Order::Reload => said(self.reload_policy(Why::Asked, Some(id)).await?),
            Order::RollBack(wanted) => said(self.roll_back_policy(wanted.as_deref(), Some(id)).await?),
        };
        Ok(Some(answer))
    }
}

fn said(outcome: Result<String, String>) -> Answer {
    match outcome {
        Ok(said) => Answer::Done(said),
        Err(said) => Answer::Failed(said),
    }
}
