//! What the workers run on: time, chance, threads, fail points, and the loop of a worker.

pub(super) mod seam;
pub(super) mod wall_clock;
pub(super) mod worker;
