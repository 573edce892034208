//! The process is killed at each step of the pipeline in turn. After a restart everything ends as it does
//! without the kill: at Plex, in the database, and in what people were told.

#[cfg(test)]
mod run;
#[cfg(test)]
mod state;
#[cfg(test)]
mod story;

#[cfg(test)]
use rolarr::pipeline::Step;

/// So many stories are told at the same time: most of each is waiting.
#[cfg(test)]
const ABREAST: usize = 4;

#[tokio::test]
async fn a_kill_at_any_step_changes_nothing_in_the_end() {
    let without = run::to_the_end(None).await;
    let missed: Vec<String> =
        Step::ALL.into_iter().map(Step::name).filter(|step| without.times(step) == 0).collect();
    assert!(missed.is_empty(), "the story does not reach {missed:?}");
    let mut waiting: Vec<(String, usize)> = Step::ALL
        .into_iter()
        .flat_map(|step| {
            let name = step.name();
            // The first time of all, and for what changes something at Plex or at Discord each time.
            let each = matches!(
                step,
                Step::InviteSent
                    | Step::FieldsIntended
                    | Step::FieldsWritten
                    | Step::MessageIntended
                    | Step::MessageSent
            );
            let times = if each { without.times(&name) } else { 1 };
            (1..=times).map(move |nth| (name.clone(), nth))
        })
        .collect();
    let mut running = tokio::task::JoinSet::new();
    let mut differences = Vec::new();
    loop {
        while running.len() < ABREAST
            && let Some((step, nth)) = waiting.pop()
        {
            running.spawn(async move {
                let killed = run::to_the_end(Some((&step, nth))).await;
                (step, nth, killed)
            });
        }
        let Some(ended) = running.join_next().await else { break };
        let (step, nth, killed) = ended.unwrap();
        for (chapter, (with, without)) in killed.chapters.iter().zip(&without.chapters).enumerate() {
            if with != without {
                differences.push(format!(
                    "killed at {step}, time {nth}: after chapter {chapter} it is\n{with}\nand without the kill\n{without}"
                ));
                break;
            }
        }
        assert_eq!(killed.chapters.len(), without.chapters.len());
    }
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
}
