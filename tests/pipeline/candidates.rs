//! A candidate beside the policy that decides.

use anyhow::Result;
use rolarr::store::Likenesses;
use rolarr_tests::inprocess::Stage;

use crate::swapping::{decisions, endless, idle, label, reload};

#[tokio::test(start_paused = true)]
async fn a_candidate_is_compared_and_has_no_effect() -> Result<()> {
    let mut stage = Stage::set().await?;
    stage.policies.put_candidate(Some(Ok(idle().policy)));
    stage.stop().await;
    stage.start().await?;
    stage.alice_joins().await?;
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    assert_eq!(label(&stage).await?.as_deref(), Some("noAccess"));
    let digest = idle().policy.digest().to_owned();
    let found = stage.read(move |tx| tx.likenesses(&digest)).await?;
    assert!(found.access >= 2 && found.failed == 0, "{found:?}");
    assert_eq!(found.all(), decisions(&stage, stage.alice()).await?.len() as u64);
    let digest = idle().policy.digest().to_owned();
    let newest = stage.read(move |tx| tx.differences(&digest, 1)).await?.remove(0);
    assert!(newest.actions.is_empty() && !newest.decided.is_empty(), "{newest:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_candidate_that_fails_holds_nobody_up() -> Result<()> {
    let mut stage = Stage::set().await?;
    stage.policies.put_candidate(Some(Ok(endless().policy)));
    stage.stop().await;
    stage.start().await?;
    stage.alice_joins().await?;
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    assert_eq!(label(&stage).await?.as_deref(), Some("noAccess"));
    let digest = endless().policy.digest().to_owned();
    let found = stage.read(move |tx| tx.likenesses(&digest)).await?;
    assert_eq!(found, Likenesses { failed: found.all(), ..Likenesses::default() });
    assert!(found.failed > 0);

    stage.policies.put_candidate(Some(Err("candidate.wasm: not a policy".to_owned())));
    let said = reload(&stage).await?;
    assert!(said.contains("nothing changed") && said.contains("can't be loaded"), "{said}");
    stage.settle().await;
    assert!(stage.audit().iter().any(|text| text.contains("candidate.wasm: not a policy")));
    Ok(())
}
