//! What would be learned from some turns, if nothing were known and the tenant had these own slots: for people who want to see before they switch it on.

use crate::model::{Claim, Generation, OwnSlots};

use super::{
    Batch, BatchTurn, ExtractError, Extraction, Extractor, Refused, UsageByStage, Verified, gate, verify,
};

/// What would be learned.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DryRun {
    /// Claims that would be accepted.
    pub claims: Vec<Claim>,
    /// Proposals that would not.
    pub refused: Vec<Refused>,
    /// What it cost.
    pub usage: UsageByStage,
}

/// Gate, extraction and verification of the turns of one session; nothing is written.
pub fn dry_run(
    turns: Vec<BatchTurn>,
    extractor: &dyn Extractor,
    slots: &OwnSlots,
) -> Result<DryRun, ExtractError> {
    let turns: Vec<BatchTurn> =
        turns.into_iter().map(|turn| BatchTurn { wanted: gate(turn.role, &turn.text), ..turn }).collect();
    if turns.iter().all(|turn| turn.wanted.is_empty()) {
        return Ok(DryRun::default());
    }
    let Extraction { proposals, usage } = extractor.extract(&Batch { turns: &turns, known: &[], slots })?;
    let batch = Batch { turns: &turns, known: &[], slots };
    let Verified { claims, refused } = verify(&batch, proposals, Generation(0), &|_| false);
    Ok(DryRun { claims, refused, usage })
}
