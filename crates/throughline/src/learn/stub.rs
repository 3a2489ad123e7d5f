//! stub
use super::*;
use crate::model::Claim;
#[derive(Debug, Default)]
pub struct LocalExtractor {}
impl Extractor for LocalExtractor {
    fn name(&self) -> &str {
        "local"
    }
    fn extract(&self, _: &Batch<'_>) -> Result<Extraction, ExtractError> {
        Ok(Extraction::default())
    }
}
pub fn verify(
    _: &[BatchTurn],
    _: Vec<Proposal>,
    _: u64,
    _: &dyn Fn(&str) -> bool,
) -> (Vec<Claim>, Vec<Refused>) {
    (vec![], vec![])
}
