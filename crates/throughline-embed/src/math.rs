//! The little arithmetic that is left outside the network: the length of a vector.

/// Scales `vector` to length 1; one of length zero stays as it is. Returns the length it had.
pub(crate) fn normalise(vector: &mut [f32]) -> f32 {
    let length = dot(vector, vector).sqrt();
    if length > 0.0 {
        for x in vector {
            *x /= length;
        }
    }
    length
}

/// Running sums side by side: floating-point sums may not be reordered, so the compiler needs to be told.
const LANES: usize = 8;

fn dot(left: &[f32], right: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    let ((left, left_rest), (right, right_rest)) = (left.as_chunks::<LANES>(), right.as_chunks::<LANES>());
    for (left, right) in left.iter().zip(right) {
        for ((lane, l), r) in lanes.iter_mut().zip(left).zip(right) {
            *lane += l * r;
        }
    }
    lanes.iter().sum::<f32>() + left_rest.iter().zip(right_rest).map(|(l, r)| l * r).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_gets_length_one_unless_it_is_zero() {
        let mut vector = [3.0, 0.0, 4.0];
        assert!((normalise(&mut vector) - 5.0).abs() < 1e-6);
        assert!(vector.iter().zip([0.6, 0.0, 0.8]).all(|(x, expected)| (x - expected).abs() < 1e-6));
        let mut nothing = [0.0; 9];
        assert!(normalise(&mut nothing).abs() + nothing.iter().sum::<f32>().abs() < f32::MIN_POSITIVE);
    }
}
