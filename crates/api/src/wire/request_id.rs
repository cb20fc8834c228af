//! Ids of requests that bring none: unique, in no way secret. They begin alike, as long as the process lives, and end with a
//! number: audit rows carry one each, and what differs in two places more would be two terms more in the index of terms.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use uuid::Uuid;

/// The next id, a GUID.
pub(crate) fn next() -> String {
    static BEGIN: LazyLock<u128> = LazyLock::new(|| Uuid::new_v4().as_u128());
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    const NUMBER_BITS: u32 = 48;
    let number = u128::from(NUMBER.fetch_add(1, Relaxed));
    let mask = (1_u128 << NUMBER_BITS) - 1;
    let id = (*BEGIN & !mask) | ((*BEGIN & mask).wrapping_add(number) & mask);
    Uuid::from_u128(id).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_guids_and_differ_in_their_end() {
        let ids: Vec<String> = (0..3).map(|_| next()).collect();
        assert!(ids.iter().all(|id| Uuid::parse_str(id).is_ok_and(|id| id.get_version_num() == 4)));
        assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0][..24] == ids[2][..24]);
    }
}
