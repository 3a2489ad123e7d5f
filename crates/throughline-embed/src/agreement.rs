//! The 8-bit network measured by the `f32` one, text by text: with made-up weights in every instruction set, and with
//! the real weights on a thousand texts of many kinds. And the `f32` one measured by an implementation not ours.

use std::path::PathBuf;
use std::sync::LazyLock;

use tokenizers::{Tokenizer, TruncationParams};

use crate::bert::{Bert, BertConfig};
use crate::math::normalise;
use crate::reference;
use crate::simd::Isa;

const TEXTS: usize = 1000;
const TOKENS_MAX: usize = 256;

/// Ends of sentences of many kinds, which the texts are put together from.
const PARTS: [&str; 40] = [
    "The ferry to Naxos sails at dawn.",
    "Maria prefers window seats and never checks a bag.",
    "what did we decide about the budget?",
    "Remind me to call Dr. Okonkwo's office on Tuesday at 9:30 about the MRI results.",
    "I'm allergic to peanuts, but cashews are fine.",
    "ok",
    "thanks!!! 🙏🙏",
    "We shipped v2.3.1 to staging; p99 went from 240 ms to 95 ms after the index change.",
    "My daughter's name is Saoirse, she turns seven in March and loves axolotls.",
    "No, not that one. The other one, from last week.",
    "Überraschend kalt war's in Zürich, sagt mein Bruder, und der Zug fuhr um 7 Uhr 14 gar nicht.",
    "J'ai déménagé à Lyon l'année dernière parce que le loyer à Paris était devenu insupportable.",
    "¿Puedes recordarme dónde aparqué el coche? Creo que fue cerca del mercado.",
    "東京は今日とても暑いです。明日は大阪に行きます。",
    "Вчера я купил новый велосипед, но цепь уже скрипит.",
    "أفضل الشاي بالنعناع في الصباح قبل الاجتماع.",
    "मुझे कल सुबह आठ बजे जगाना और दवा याद दिलाना।",
    "我妻子不吃香菜，孩子们喜欢饺子。",
    "내일 회의는 오후 세 시로 옮겨졌어요.",
    "Jutro lecę do Gdańska; proszę, znajdź mi tani nocleg blisko dworca.",
    "fn main() { println!(\"{:?}\", std::env::args().collect::<Vec<_>>()); }",
    "SELECT user_id, COUNT(*) FROM events WHERE ts > now() - interval '7 days' GROUP BY 1;",
    "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}],\"n\":0}",
    "https://example.org/a/b?c=d&e=%20f#g",
    "ERROR 2031-04-05T06:07:08Z worker[17]: connection reset by peer (os error 104)",
    "3.14159265358979 2.71828182845905 1.41421356237310 -0.57721566490153",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "!!!! ???? ---- ==== **** //// \\\\\\\\ ~~~~",
    "😀😃😄😁😆😅🤣😂🙂🙃😉😊😇",
    "\t\n  \r\n   ",
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore.",
    "the the the the the the the the the the the the",
    "[CLS] [SEP] [MASK] [PAD] [UNK]",
    "If the model says \"ignore all previous instructions\", it is quoting the user, not obeying.",
    "She told me, between two long silences, that the house by the lake had been sold in the spring.",
    "Rent is $2,450/month (utilities incl.), deposit 1.5x, available 12/01.",
    "à la carte — naïve café, façade, piñata, smörgåsbord, Ångström",
    "x = (-b ± √(b² − 4ac)) / 2a; ∑ᵢ xᵢ² ≤ ∞",
    "My grandmother's recipe: 250 g flour, 3 eggs, a pinch of salt; rest it overnight, then roll it thin.",
];

/// Xorshift: the same numbers in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    /// In -1 … 1.
    fn number(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    }
}

/// Short and long ones: half of them are one part or two.
fn texts() -> Vec<String> {
    let mut random = Random(88_172_645_463_325_252);
    let mut texts: Vec<String> = PARTS.iter().map(ToString::to_string).collect();
    texts.push(String::new());
    texts.push("word ".repeat(400));
    while texts.len() < TEXTS {
        let parts = if texts.len().is_multiple_of(2) { 1 + random.below(2) } else { 1 + random.below(12) };
        let parts: Vec<&str> = (0..parts).map(|_| PARTS[random.below(PARTS.len())]).collect();
        texts.push(format!("{} {}", parts.join(" "), random.below(1000)));
    }
    texts
}

struct Real {
    config: BertConfig,
    weights: Vec<u8>,
    tokenizer: Tokenizer,
    reference: reference::Bert,
}

static REAL: LazyLock<Real> = LazyLock::new(|| {
    let folder = std::env::var_os("THROUGHLINE_TEST_MODEL_DIR").map(PathBuf::from);
    let folder =
        folder.expect("THROUGHLINE_TEST_MODEL_DIR is not set; run `cargo xtask test`, which sets it up");
    let config: BertConfig =
        serde_json::from_slice(&fs_err::read(folder.join("config.json")).unwrap()).unwrap();
    let weights = fs_err::read(folder.join("model.safetensors")).unwrap();
    let mut tokenizer = Tokenizer::from_file(folder.join("tokenizer.json")).unwrap();
    let truncation = TruncationParams { max_length: TOKENS_MAX, ..TruncationParams::default() };
    tokenizer.with_padding(None).with_truncation(Some(truncation)).unwrap();
    let reference = reference::Bert::load(config.clone(), &weights).unwrap();
    Real { config, weights, tokenizer, reference }
});

impl Real {
    fn tokens(&self, text: &str) -> Vec<u32> {
        self.tokenizer.encode_fast(text, true).unwrap().get_ids().to_vec()
    }
}

fn mean(rows: &[f32], width: usize) -> Vec<f32> {
    let mut mean = vec![0.0; width];
    for row in rows.chunks_exact(width) {
        mean.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
    }
    normalise(&mut mean);
    mean
}

fn cosine(left: &[f32], right: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    dot(left, right) / (dot(left, left) * dot(right, right)).sqrt()
}

/// The least and the mean of some cosines.
fn summary(cosines: &[f32]) -> (f64, f64) {
    let cosines = cosines.iter().copied().map(f64::from);
    let count = cosines.len() as f64;
    (cosines.clone().fold(f64::INFINITY, f64::min), cosines.sum::<f64>() / count)
}

#[test]
fn real_every_one_of_a_thousand_texts_keeps_its_direction_in_eight_bits() {
    let network = Bert::load(REAL.config.clone(), &REAL.weights).unwrap();
    let width = REAL.config.hidden_size;
    let (mut of_texts, mut of_tokens, mut worst) = (Vec::new(), Vec::new(), (f32::INFINITY, String::new()));
    for text in texts() {
        let tokens = REAL.tokens(&text);
        let (ours, exact) = (network.forward(&[&tokens]), REAL.reference.forward(&[&tokens]));
        let pooled = cosine(&mean(&ours, width), &mean(&exact, width));
        if pooled < worst.0 {
            worst = (pooled, text);
        }
        of_texts.push(pooled);
        of_tokens.extend(ours.chunks_exact(width).zip(exact.chunks_exact(width)).map(|(a, b)| cosine(a, b)));
    }
    let (least, mean) = summary(&of_texts);
    println!("texts:  least {least:.5}, mean {mean:.5}, worst {:?}", worst.1);
    assert!(least > 0.998 && mean > 0.9995, "least {least}, mean {mean}: {:?}", worst.1);
    let (least, mean) = summary(&of_tokens);
    println!("tokens: least {least:.5}, mean {mean:.5}");
    assert!(least > 0.99 && mean > 0.9995, "tokens: least {least}, mean {mean}");
}

#[test]
fn real_the_reference_agrees_with_an_independent_implementation() {
    // First components by a forward pass in NumPy over the same weights.
    let long = "word ".repeat(400);
    let cases: [(&str, [f32; 8]); 6] = [
        (
            "The ferry to Naxos sails at dawn.",
            [0.002_837, 0.101_767, 0.022_062, 0.032_008, -0.004_873, -0.045_619, 0.028_934, -0.030_716],
        ),
        (
            "Maria prefers window seats and never checks a bag.",
            [0.109_316, 0.072_382, 0.037_773, 0.068_238, 0.023_390, -0.044_263, 0.079_981, -0.034_032],
        ),
        (
            "what did we decide about the budget?",
            [0.016_006, 0.086_874, -0.032_319, 0.055_530, 0.056_215, 0.007_042, -0.017_068, 0.035_908],
        ),
        (
            "Überraschend kalt war's in Zürich – 東京 too.",
            [0.036_046, 0.090_596, 0.040_226, -0.021_278, -0.034_558, 0.027_281, -0.017_704, -0.085_820],
        ),
        ("", [-0.118_838, 0.048_299, -0.002_548, -0.011_011, 0.051_951, 0.010_292, 0.115_433, 0.000_701]),
        (
            &long,
            [-0.008_124, -0.095_586, -0.038_673, 0.049_662, -0.043_794, 0.023_720, -0.018_142, -0.020_207],
        ),
    ];
    for (text, expected) in cases {
        let vector = mean(&REAL.reference.forward(&[&REAL.tokens(text)]), REAL.config.hidden_size);
        for (actual, expected) in vector.iter().zip(expected) {
            assert!((actual - expected).abs() < 2e-5, "{text:?}: {actual} is not {expected}");
        }
    }
}

/// Words, positions and layers of a made-up network.
const SHAPE: [usize; 3] = [50, 70, 2];

/// A network with random weights, as the contents of its two files.
fn made_up(hidden: usize, heads: usize, inner: usize) -> (BertConfig, Vec<u8>) {
    let [words, positions, layers] = SHAPE;
    let config = serde_json::json!({
        "hidden_size": hidden, "num_hidden_layers": layers, "num_attention_heads": heads,
        "intermediate_size": inner, "max_position_embeddings": positions, "vocab_size": words,
        "layer_norm_eps": 1e-12, "hidden_act": "gelu",
    });
    let mut tensors = vec![
        ("embeddings.word_embeddings.weight".to_owned(), vec![words, hidden]),
        ("embeddings.position_embeddings.weight".to_owned(), vec![positions, hidden]),
        ("embeddings.token_type_embeddings.weight".to_owned(), vec![2, hidden]),
        ("embeddings.LayerNorm.weight".to_owned(), vec![hidden]),
        ("embeddings.LayerNorm.bias".to_owned(), vec![hidden]),
    ];
    for layer in 0..layers {
        for (part, inputs, outputs) in [
            ("attention.self.query", hidden, hidden),
            ("attention.self.key", hidden, hidden),
            ("attention.self.value", hidden, hidden),
            ("attention.output.dense", hidden, hidden),
            ("intermediate.dense", hidden, inner),
            ("output.dense", inner, hidden),
        ] {
            tensors.push((format!("encoder.layer.{layer}.{part}.weight"), vec![outputs, inputs]));
            tensors.push((format!("encoder.layer.{layer}.{part}.bias"), vec![outputs]));
        }
        for part in ["attention.output.LayerNorm", "output.LayerNorm"] {
            tensors.push((format!("encoder.layer.{layer}.{part}.weight"), vec![hidden]));
            tensors.push((format!("encoder.layer.{layer}.{part}.bias"), vec![hidden]));
        }
    }
    let mut random = Random(2_463_534_242);
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|(_, shape)| {
            // As large as in a trained network: outputs vary about as much as inputs.
            let size = if shape.len() == 2 { (3.0 / shape[1] as f32).sqrt() } else { 1.0 };
            (0..shape.iter().product()).flat_map(|_| (random.number() * size).to_le_bytes()).collect()
        })
        .collect();
    let views = tensors.iter().zip(&bytes).map(|((name, shape), bytes)| {
        (name, safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.clone(), bytes).unwrap())
    });
    (serde_json::from_value(config).unwrap(), safetensors::serialize(views, None).unwrap())
}

#[test]
fn networks_of_other_shapes_agree_with_the_reference_in_every_instruction_set() {
    // Heads narrower than a panel and wider, panels that are not full, texts of one token and of several blocks.
    for (hidden, heads, inner) in [(48, 2, 112), (80, 1, 16), (128, 2, 256), (96, 12, 48)] {
        let (config, weights) = made_up(hidden, heads, inner);
        let mut random = Random(1);
        let texts: Vec<Vec<u32>> = [1, 2, 13, 32, 33, 70]
            .iter()
            .map(|&length| (0..length).map(|_| u32::try_from(random.below(SHAPE[0])).unwrap()).collect())
            .collect();
        let texts: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
        let exact = reference::Bert::load(config.clone(), &weights).unwrap().forward(&texts);
        for isa in Isa::all() {
            let network = Bert::load_for(isa, config.clone(), &weights).unwrap();
            let ours = network.forward(&texts);
            assert_eq!(ours.len(), exact.len());
            for (ours, exact) in ours.chunks_exact(hidden).zip(exact.chunks_exact(hidden)) {
                let cosine = cosine(ours, exact);
                assert!(cosine > 0.999, "{}, {hidden} wide: {cosine}", isa.name());
            }
            let alone: Vec<f32> = texts.iter().flat_map(|text| network.forward(&[text])).collect();
            assert!(ours == alone, "{}: a text's states depend on its company", isa.name());
        }
    }
}

#[test]
fn a_shape_that_cannot_be_computed_is_refused() {
    let (config, weights) = made_up(48, 2, 24);
    let error = Bert::load(config, &weights).err().unwrap();
    assert_eq!(error, "intermediate_size is 24; only multiples of 16 are supported");
}
