//! Orders to let another policy take over. They take as long as loading one does, so they have a worker of their own:
//! nothing else waits for them, and an order to go back is carried out while another policy is still being loaded.

use std::collections::BTreeSet;

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::sync::Notify;

use crate::{
    domain::Timestamp,
    pipeline::{context::Context, policies::reload::Why, runtime::worker::Worker},
    store::{Answer, Order, StoreError},
};

/// Carries out such orders.
pub(in crate::pipeline) struct Swapper;

impl Worker for Swapper {
    const NAME: &'static str = "policy-orders";

    fn signal(core: &Context) -> &Notify {
        &core.signals.swaps
    }

    async fn round(&mut self, core: &Context) -> Result<Option<Timestamp>, StoreError> {
        let mut under_way = BTreeSet::new();
        let mut swaps = FuturesUnordered::new();
        loop {
            let mut last = 0;
            while let Some((id, order)) = core.store.read(move |tx| tx.next_order_after(last)).await? {
                last = id;
                let Some(order) = order.filter(is_a_swap) else { continue };
                // Whoever asked may have given up at this moment.
                if under_way.contains(&id) || !core.store.write(move |tx| tx.take_up_order(id)).await? {
                    continue;
                }
                under_way.insert(id);
                swaps.push(async move { (id, core.swap(id, order).await) });
            }
            if swaps.is_empty() {
                return Ok(None);
            }
            tokio::select! {
                Some((id, done)) = swaps.next() => {
                    done?;
                    under_way.remove(&id);
                }
                () = core.signals.swaps.notified() => {}
            }
        }
    }
}

impl Context {
    /// Carries out an order, and answers it.
    async fn swap(&self, id: i64, order: Order) -> Result<(), StoreError> {
        let done = match order {
            Order::Reload => self.reload_policy(Why::Asked, Some(id)).await,
            Order::RollBack(wanted) => self.roll_back_policy(wanted.as_deref(), Some(id)).await,
            _ => return Ok(()),
        };
        let answer = match done {
            Ok(Ok(said)) => Answer::Done(said),
            Ok(Err(said)) => Answer::Failed(said),
            // It is no better the next time.
            Err(error @ StoreError::Unreadable(_)) => Answer::Failed(error.to_string()),
            Err(other) => return Err(other),
        };
        self.answer_order(id, answer).await
    }
}

/// Whether an order is to let another policy take over.
pub(in crate::pipeline) fn is_a_swap(order: &Order) -> bool {
    matches!(order, Order::Reload | Order::RollBack(_))
}
