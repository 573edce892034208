//! The same work on many things, on all cores, with the outcomes in their order.

use std::{
    collections::BTreeMap,
    sync::{
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

/// So many outcomes may wait to be taken, so that a slow reader does not fill the memory.
const WAITING: usize = 1024;

/// Works on each item and hands over the outcomes in the order of the items, each as soon as those before it
/// are there. Items are begun in their order too. Stops at the first error of `take`.
pub(super) fn in_order<T: Sync, R: Send, E>(
    items: &[T],
    work: impl Fn(&T) -> R + Sync,
    mut take: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(items.len());
    if threads <= 1 {
        return items.iter().try_for_each(|item| take(work(item)));
    }
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::sync_channel(WAITING);
        for _ in 0..threads {
            let sender = sender.clone();
            let (next, stop, work) = (&next, &stop, &work);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { return };
                    if sender.send((index, work(item))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut early = BTreeMap::new();
        let mut due = 0;
        for (index, outcome) in receiver {
            early.insert(index, outcome);
            while let Some(outcome) = early.remove(&due) {
                due += 1;
                if let Err(error) = take(outcome) {
                    stop.store(true, Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_come_in_the_order_of_the_items() {
        let items: Vec<u64> = (0..5_000).collect();
        let mut taken = Vec::new();
        let done: Result<(), ()> = in_order(
            &items,
            |item| {
                // The first ones take longest.
                (0..5_000 - item).sum::<u64>();
                *item
            },
            |outcome| {
                taken.push(outcome);
                Ok(())
            },
        );
        assert_eq!(done, Ok(()));
        assert_eq!(taken, items);
    }

    #[test]
    fn an_error_ends_it() {
        let items: Vec<usize> = (0..100_000).collect();
        let mut taken = 0;
        let done = in_order(
            &items,
            |item| *item,
            |outcome| {
                taken += 1;
                if outcome == 10 { Err("full") } else { Ok(()) }
            },
        );
        assert_eq!(done, Err("full"));
        assert_eq!(taken, 11);
    }
}
