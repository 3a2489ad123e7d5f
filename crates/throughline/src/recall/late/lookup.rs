//! The kernel of late interaction: sums of a query's components where a token's bits are set, by table look-up.
//!
//! Four components of a token are a number from 0 to 15, and for one query token the sum of the four is one of 16 values:
//! a byte shuffle looks up 16 to 64 tokens in one instruction. Values are rounded to 6 bits, so that four fit a byte
//! before they are widened; that moves a cosine by 0.002. Source: André, Kermarrec, Le Scouarnec, "Cache locality is not enough" (product quantisation
//! fast scan), here with bits in place of codes.
//!
//! Layout: blocks of 64 tokens; in a block, for each group of four components 32 bytes, of which byte `i` holds the group of
//! token `i` in its low half and of token `i + 32` in its high half. 384 components are 48 bytes a token.

#![expect(unsafe_code, reason = "vector instructions may only be called where the processor has them")]
#![allow(clippy::cast_ptr_alignment, reason = "all loads and stores of vectors are unaligned ones")]

/// Tokens in a block.
pub(super) const BLOCK_TOKENS: usize = 64;
/// Bytes of one group of a block.
const GROUP_BYTES: usize = BLOCK_TOKENS / 2;
/// Components in a group.
const GROUP: usize = 4;
/// The largest value in a table: the sum of [`QUAD`] fits a byte.
const VALUE_MAX: f32 = 63.0;
/// Groups that are summed in bytes before they are widened.
const QUAD: usize = 4;
/// Query tokens that are looked up side by side, so that a block is taken apart once for all of them.
const TILE: usize = 4;

/// Most components a token may have: sums of their values stay within 16 bits.
pub(super) const DIMENSIONS_MAX: usize = 4096;

/// The values of one group for one query token.
type Table = [u8; 16];

/// Bytes a block takes.
pub(super) const fn block_bytes(dimensions: usize) -> usize {
    dimensions / GROUP * GROUP_BYTES
}

/// Puts token number `at` in its place; the token before it must be there already.
pub(super) fn append(blocks: &mut Vec<u8>, at: usize, token: &[u8]) {
    let bytes = block_bytes(token.len() * 8);
    let (block, at) = (at / BLOCK_TOKENS, at % BLOCK_TOKENS);
    if blocks.len() < (block + 1) * bytes {
        blocks.resize((block + 1) * bytes, 0);
    }
    let (byte, shift) = (at % GROUP_BYTES, at / GROUP_BYTES * 4);
    for (groups, bits) in blocks[block * bytes..].chunks_exact_mut(2 * GROUP_BYTES).zip(token) {
        groups[byte] |= (bits & 15) << shift;
        groups[GROUP_BYTES + byte] |= (bits >> 4) << shift;
    }
}

/// One query token, ready to be looked up.
pub(super) struct Lookup {
    tables: Vec<Table>,
    /// A sum of table values times this, plus `least`, is the sum of the components whose bits are set.
    step: f32,
    least: f32,
    total: f32,
    root: f32,
}

impl Lookup {
    /// From the components of the token; their number is a multiple of sixteen. Not-a-number counts as 0.
    pub(super) fn new(query: &[f32]) -> Self {
        let clean = |component: &f32| if component.is_finite() { *component } else { 0.0 };
        let query: Vec<f32> = query.iter().map(clean).collect();
        let groups = query.as_chunks::<GROUP>().0;
        // The least and the largest subset sum of a group are those of its negative and of its positive components.
        let least_of = |group: &[f32; GROUP]| group.iter().map(|component| component.min(0.0)).sum::<f32>();
        let most_of = |group: &[f32; GROUP]| group.iter().map(|component| component.max(0.0)).sum::<f32>();
        let widest = groups.iter().map(|group| most_of(group) - least_of(group)).fold(0.0, f32::max);
        let step = if widest > 0.0 { widest / VALUE_MAX } else { 1.0 };
        let (scale, half) = (step.recip(), 0.5);
        let table = |group: &[f32; GROUP]| {
            let least = least_of(group);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "within 0 … 63, rounded"
            )]
            subset_sums(group).map(|sum| ((sum - least) * scale + half) as u8)
        };
        Self {
            tables: groups.iter().map(table).collect(),
            step,
            least: groups.iter().map(least_of).sum(),
            total: query.iter().sum(),
            root: (query.len() as f32).sqrt(),
        }
    }

    /// The similarity that belongs to a sum.
    pub(super) fn similarity(&self, sum: u16) -> f32 {
        (2.0 * (f32::from(sum) * self.step + self.least) - self.total) / self.root
    }
}

/// For each query token the sums of all tokens of a block, by the fastest instructions this processor has.
///
/// # Panics
/// If there is not one row of sums for each query token, or the block is of other dimensions.
pub(super) fn sums(lookups: &[Lookup], block: &[u8], sums: &mut [[u16; BLOCK_TOKENS]]) {
    assert_eq!(lookups.len(), sums.len(), "one row of sums for each query token");
    let kernel = kernel();
    let mut sums = sums.iter_mut();
    for lookups in lookups.chunks(TILE) {
        match lookups {
            [a, b, c, d] => {
                let tables = [&a.tables[..], &b.tables, &c.tables, &d.tables];
                if let [Some(e), Some(f), Some(g), Some(h)] = [(); TILE].map(|()| sums.next()) {
                    kernel.run(tables, block, [e, f, g, h]);
                }
            }
            few => few.iter().zip(&mut sums).for_each(|(a, sums)| kernel.run([&a.tables[..]], block, [sums])),
        }
    }
}

/// The sums of all subsets of four numbers; bit `j` of the index says whether number `j` is in it.
fn subset_sums(numbers: &[f32; GROUP]) -> [f32; 16] {
    let mut sums = [0.0; 16];
    for subset in 1..16_usize {
        let lowest = subset.trailing_zeros() as usize;
        sums[subset] = sums[subset & (subset - 1)] + numbers[lowest];
    }
    sums
}

/// Which instructions are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kernel {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "aarch64")]
    Neon,
}

fn kernel() -> Kernel {
    static FASTEST: std::sync::OnceLock<Kernel> = std::sync::OnceLock::new();
    *FASTEST.get_or_init(|| available().pop().unwrap_or(Kernel::Scalar))
}

/// What this processor has, the fastest last.
fn available() -> Vec<Kernel> {
    #[allow(unused_mut, reason = "nothing is added on processors without a kernel of their own")]
    let mut kernels = vec![Kernel::Scalar];
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx2") {
            kernels.push(Kernel::Avx2);
        }
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw") {
            kernels.push(Kernel::Avx512);
        }
    }
    #[cfg(target_arch = "aarch64")]
    kernels.push(Kernel::Neon);
    kernels
}

/// The sums of one block for some query tokens.
type Sums<'a, const T: usize> = [&'a mut [u16; BLOCK_TOKENS]; T];

impl Kernel {
    fn run<const T: usize>(self, tables: [&[Table]; T], block: &[u8], sums: Sums<'_, T>) {
        for tables in tables {
            assert_eq!(block.len(), tables.len() * GROUP_BYTES, "one table for each group");
            assert!(tables.len().is_multiple_of(QUAD), "groups come in fours");
        }
        match self {
            Self::Scalar => scalar(tables, block, sums),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `available` asked the processor; the asserts above bound every access.
            Self::Avx2 => unsafe { x86::avx2(tables, block, sums) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Self::Avx512 => unsafe { x86::avx512(tables, block, sums) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: NEON is part of the architecture; the asserts above bound every access.
            Self::Neon => unsafe { arm::neon(tables, block, sums) },
        }
    }
}

fn scalar<const T: usize>(tables: [&[Table]; T], block: &[u8], sums: Sums<'_, T>) {
    for (tables, sums) in tables.into_iter().zip(sums) {
        sums.fill(0);
        let (low, high) = sums.split_at_mut(GROUP_BYTES);
        for (table, group) in tables.iter().zip(block.as_chunks::<GROUP_BYTES>().0) {
            for ((low, high), byte) in low.iter_mut().zip(&mut *high).zip(group) {
                *low += u16::from(table[usize::from(byte & 15)]);
                *high += u16::from(table[usize::from(byte >> 4)]);
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m128i, __m256i, _mm_loadu_si128, _mm256_add_epi8, _mm256_add_epi16, _mm256_and_si256,
        _mm256_broadcastsi128_si256, _mm256_loadu_si256, _mm256_permute2x128_si256, _mm256_set1_epi8,
        _mm256_set1_epi16, _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_srli_epi16, _mm256_storeu_si256,
        _mm256_unpackhi_epi16, _mm256_unpacklo_epi16, _mm512_add_epi8, _mm512_add_epi16, _mm512_and_si512,
        _mm512_broadcast_i32x4, _mm512_castsi256_si512, _mm512_castsi512_si256, _mm512_extracti64x4_epi64,
        _mm512_inserti64x4, _mm512_set1_epi8, _mm512_set1_epi16, _mm512_setzero_si512, _mm512_shuffle_epi8,
        _mm512_srli_epi16,
    };

    use super::{GROUP_BYTES, QUAD, Sums, Table};

    /// # Safety
    /// Needs AVX2, a block of one group for each table, and a number of tables that is a multiple of four.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn avx2<const T: usize>(tables: [&[Table]; T], block: &[u8], sums: Sums<'_, T>) {
        let (nibble, byte) = (_mm256_set1_epi8(15), _mm256_set1_epi16(255));
        // Of each query token: even and odd tokens of the low half, then of the high half.
        let mut widened = [[_mm256_setzero_si256(); 4]; T];
        for quad in (0..block.len() / GROUP_BYTES).step_by(QUAD) {
            let mut bytes = [[_mm256_setzero_si256(); 2]; T];
            for at in quad..quad + QUAD {
                // SAFETY: `at` is below the number of groups; a group has 32 bytes.
                let group =
                    unsafe { _mm256_loadu_si256(block.as_ptr().add(at * GROUP_BYTES).cast::<__m256i>()) };
                let low = _mm256_and_si256(group, nibble);
                let high = _mm256_and_si256(_mm256_srli_epi16::<4>(group), nibble);
                for token in 0..T {
                    // SAFETY: there is one table for each group; a table has 16 bytes.
                    let table = unsafe { _mm_loadu_si128(tables[token].as_ptr().add(at).cast::<__m128i>()) };
                    let table = _mm256_broadcastsi128_si256(table);
                    bytes[token][0] = _mm256_add_epi8(bytes[token][0], _mm256_shuffle_epi8(table, low));
                    bytes[token][1] = _mm256_add_epi8(bytes[token][1], _mm256_shuffle_epi8(table, high));
                }
            }
            for token in 0..T {
                for (widened, bytes) in widened[token].chunks_exact_mut(2).zip(bytes[token]) {
                    widened[0] = _mm256_add_epi16(widened[0], _mm256_and_si256(bytes, byte));
                    widened[1] = _mm256_add_epi16(widened[1], _mm256_srli_epi16::<8>(bytes));
                }
            }
        }
        for (widened, sums) in widened.iter().zip(sums) {
            store(widened[0], widened[1], &mut sums[..GROUP_BYTES]);
            store(widened[2], widened[3], &mut sums[GROUP_BYTES..]);
        }
    }

    /// # Safety
    /// Needs AVX-512 F and BW, a block of one group for each table, and a number of tables that is a multiple of four.
    #[target_feature(enable = "avx512f,avx512bw,avx2")]
    pub(super) unsafe fn avx512<const T: usize>(tables: [&[Table]; T], block: &[u8], sums: Sums<'_, T>) {
        let (nibble, byte) = (_mm512_set1_epi8(15), _mm512_set1_epi16(255));
        let mut even = [_mm512_setzero_si512(); T];
        let mut odd = [_mm512_setzero_si512(); T];
        for quad in (0..block.len() / GROUP_BYTES).step_by(QUAD) {
            let mut bytes = [_mm512_setzero_si512(); T];
            for at in quad..quad + QUAD {
                // SAFETY: `at` is below the number of groups; a group has 32 bytes.
                let group =
                    unsafe { _mm256_loadu_si256(block.as_ptr().add(at * GROUP_BYTES).cast::<__m256i>()) };
                // The low halves of its bytes in the first 32 bytes, the high ones in the last.
                let halves =
                    _mm512_inserti64x4::<1>(_mm512_castsi256_si512(group), _mm256_srli_epi16::<4>(group));
                let halves = _mm512_and_si512(halves, nibble);
                for token in 0..T {
                    // SAFETY: there is one table for each group; a table has 16 bytes.
                    let table = unsafe { _mm_loadu_si128(tables[token].as_ptr().add(at).cast::<__m128i>()) };
                    let found = _mm512_shuffle_epi8(_mm512_broadcast_i32x4(table), halves);
                    bytes[token] = _mm512_add_epi8(bytes[token], found);
                }
            }
            for token in 0..T {
                even[token] = _mm512_add_epi16(even[token], _mm512_and_si512(bytes[token], byte));
                odd[token] = _mm512_add_epi16(odd[token], _mm512_srli_epi16::<8>(bytes[token]));
            }
        }
        for ((even, odd), sums) in even.into_iter().zip(odd).zip(sums) {
            let (low, high) = sums.split_at_mut(GROUP_BYTES);
            store(_mm512_castsi512_si256(even), _mm512_castsi512_si256(odd), low);
            store(_mm512_extracti64x4_epi64::<1>(even), _mm512_extracti64x4_epi64::<1>(odd), high);
        }
    }

    /// 32 sums in order, from those of even and of odd tokens.
    #[target_feature(enable = "avx2")]
    fn store(even: __m256i, odd: __m256i, sums: &mut [u16]) {
        assert_eq!(sums.len(), GROUP_BYTES);
        let (low, high) = (_mm256_unpacklo_epi16(even, odd), _mm256_unpackhi_epi16(even, odd));
        let first = _mm256_permute2x128_si256::<0x20>(low, high);
        let last = _mm256_permute2x128_si256::<0x31>(low, high);
        // SAFETY: 32 sums are two times 32 bytes.
        unsafe {
            let to = sums.as_mut_ptr().cast::<__m256i>();
            _mm256_storeu_si256(to, first);
            _mm256_storeu_si256(to.add(1), last);
        }
    }
}

#[cfg(target_arch = "aarch64")]
mod arm {
    use std::arch::aarch64::{
        uint8x16_t, uint16x8_t, vaddq_u8, vaddw_high_u8, vaddw_u8, vandq_u8, vdupq_n_u8, vdupq_n_u16,
        vget_low_u8, vld1q_u8, vqtbl1q_u8, vshrq_n_u8, vst1q_u16,
    };

    use super::{GROUP_BYTES, QUAD, Sums, Table};

    /// # Safety
    /// Needs a block of one group for each table, and a number of tables that is a multiple of four.
    #[target_feature(enable = "neon")]
    pub(super) unsafe fn neon<const T: usize>(tables: [&[Table]; T], block: &[u8], sums: Sums<'_, T>) {
        for (tables, sums) in tables.into_iter().zip(sums) {
            // Eight tokens each, in order.
            let mut widened: [uint16x8_t; 8] = [vdupq_n_u16(0); 8];
            for quad in (0..block.len() / GROUP_BYTES).step_by(QUAD) {
                let mut bytes: [uint8x16_t; 4] = [vdupq_n_u8(0); 4];
                for at in quad..quad + QUAD {
                    // SAFETY: `at` is below the number of groups and tables; a table has 16 bytes, a group 32.
                    let (table, first, last) = unsafe {
                        let group = block.as_ptr().add(at * GROUP_BYTES);
                        (vld1q_u8(tables.as_ptr().add(at).cast()), vld1q_u8(group), vld1q_u8(group.add(16)))
                    };
                    let halves =
                        [first, last].map(|half| (vandq_u8(half, vdupq_n_u8(15)), vshrq_n_u8::<4>(half)));
                    for (half, (low, high)) in halves.into_iter().enumerate() {
                        bytes[half] = vaddq_u8(bytes[half], vqtbl1q_u8(table, low));
                        bytes[2 + half] = vaddq_u8(bytes[2 + half], vqtbl1q_u8(table, high));
                    }
                }
                for (quarter, bytes) in bytes.into_iter().enumerate() {
                    widened[2 * quarter] = vaddw_u8(widened[2 * quarter], vget_low_u8(bytes));
                    widened[2 * quarter + 1] = vaddw_high_u8(widened[2 * quarter + 1], bytes);
                }
            }
            for (eight, sums) in widened.into_iter().zip(sums.as_chunks_mut::<8>().0) {
                // SAFETY: eight sums.
                unsafe { vst1q_u16(sums.as_mut_ptr(), eight) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run(kernel: Kernel, tables: &[Table], block: &[u8]) -> [u16; BLOCK_TOKENS] {
        let mut sums = [7; BLOCK_TOKENS];
        kernel.run([tables], block, [&mut sums]);
        sums
    }

    #[test]
    fn all_subsets_of_four_are_summed() {
        let sums = subset_sums(&[1.0, 2.0, 4.0, 8.0]);
        assert!((0_u8..).zip(sums).all(|(subset, sum)| (sum - f32::from(subset)).abs() < 1e-6));
    }

    #[test]
    fn the_longest_vectors_of_the_largest_values_do_not_overflow() {
        let groups = DIMENSIONS_MAX / GROUP;
        let (tables, block) = (vec![[63; 16]; groups], vec![255; groups * GROUP_BYTES]);
        for kernel in available() {
            assert_eq!(run(kernel, &tables, &block), [64_512; BLOCK_TOKENS], "{kernel:?}");
        }
    }

    proptest! {
        #[test]
        fn every_instruction_set_gives_the_same_sums_side_by_side_and_alone(
            (tables, block) in (1_usize..60).prop_flat_map(|quads| (
                prop::collection::vec(prop::collection::vec(prop::array::uniform16(0_u8..=63), QUAD * quads), TILE),
                prop::collection::vec(any::<u8>(), QUAD * quads * GROUP_BYTES),
            )),
        ) {
            let expected: Vec<_> = tables.iter().map(|tables| run(Kernel::Scalar, tables, &block)).collect();
            for kernel in available() {
                let mut sums = [[7; BLOCK_TOKENS]; TILE];
                let [a, b, c, d] = &mut sums;
                kernel.run([0, 1, 2, 3].map(|at| &tables[at][..]), &block, [a, b, c, d]);
                prop_assert_eq!(&sums[..], &expected, "{:?}", kernel);
                prop_assert_eq!(run(kernel, &tables[0], &block), expected[0], "{:?}", kernel);
            }
        }
    }
}
