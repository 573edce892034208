//! What administrators ask for on the command line: taken out of the database, carried out, answered.

use super::{
    brake::{Verdict, Whom},
    core::Core,
    policies::Why,
};
use crate::store::{Answer, Order, StoreError};

impl Core {
    /// Carries out the orders that wait. An order that changes what is stored is answered in the transaction
    /// that does so: a crash can't make it count twice, or lose it.
    pub(super) async fn take_up_orders(&self) -> Result<(), StoreError> {
        while let Some((id, order)) = self.store.read(|tx| tx.next_order()).await? {
            let answer = match order {
                Order::Approve(member) => {
                    let whom = Whom::Ordered { order: id, all: member.is_none() };
                    self.decide_holds(Verdict::Approve, whom, None).await?;
                    continue;
                }
                Order::Reject(member) => {
                    let whom = Whom::Ordered { order: id, all: member.is_none() };
                    self.decide_holds(Verdict::Reject, whom, None).await?;
                    continue;
                }
                Order::Apply(scope) => {
                    self.apply_policy(scope, Some(id)).await?;
                    continue;
                }
                Order::Plan(scope) => Answer::Plan(self.plan(scope).await?),
                Order::Reload => said(self.reload_policy(Why::Asked, Some(id)).await?),
                Order::RollBack(wanted) => said(self.roll_back_policy(wanted.as_deref(), Some(id)).await?),
            };
            let now = self.seam.now();
            self.store
                .write(move |tx| if tx.order_waits(id)? { tx.answer_order(id, now, &answer) } else { Ok(()) })
                .await?;
        }
        Ok(())
    }
}

fn said(outcome: Result<String, String>) -> Answer {
    match outcome {
        Ok(said) => Answer::Done(said),
        Err(said) => Answer::Failed(said),
    }
}
