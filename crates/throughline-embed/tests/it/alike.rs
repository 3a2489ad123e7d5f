//! Whether what says the same is told from what comes near it, on labelled pairs, with the model's real vectors.

use std::sync::LazyLock;
use std::time::Duration;

use throughline::learn::{ALIKE_COSINE_MIN, may_be_one};
use throughline::ports::{EmbedRole, Embedder as _};
use throughline_embed::MiniLm;

use super::{cosine, model_dir};

static MODEL: LazyLock<MiniLm> = LazyLock::new(|| MiniLm::load(&model_dir()).unwrap());

const PAIRS: &str = include_str!("../../../throughline/tests/data/alike.tsv");

/// Of the pairs of a half: those taken for one that are, all that are, those taken for one that are not, all that are not.
fn figures(reported: bool) -> [usize; 4] {
    let lines = PAIRS.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut figures = [0; 4];
    for (_, line) in lines.enumerate().filter(|(at, _)| (at % 2 == 1) == reported) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [label, _, one, other] = columns[..] else { panic!("{line}") };
        let vectors = MODEL.embed(EmbedRole::Passage, &[one, other], Duration::from_mins(1)).unwrap();
        let alike =
            may_be_one(one, other) && cosine(&vectors[0].vector, &vectors[1].vector) >= ALIKE_COSINE_MIN;
        let kind = if label == "=" { 0 } else { 2 };
        figures[kind] += usize::from(alike);
        figures[kind + 1] += 1;
    }
    figures
}

#[test]
fn real_labelled_pairs_are_told_apart() {
    for reported in [false, true] {
        let [found, same, wrong, different] = figures(reported);
        println!("reported {reported}: {found} of {same} that are one, {wrong} of {different} that are two");
        assert!(wrong * 100 <= different * 4 && found * 100 >= same * 55);
    }
}
