//! Bytes that somebody wrote, with changes.

/// Each change is a place (two bytes) and three more: what is done there, and with which two bytes.
pub fn apply(written: &[u8], changes: &[u8]) -> Vec<u8> {
    let mut out = written.to_vec();
    for change in changes.chunks_exact(5).take(64) {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]]));
        if out.is_empty() {
            break;
        }
        let at = at % out.len();
        match change[2] % 6 {
            0 => out[at] = change[3],
            1 => out[at] ^= change[3],
            2 => out.truncate(at),
            3 => out.insert(at, change[3]),
            4 => {
                let end = (at + usize::from(change[4] % 9)).min(out.len());
                out[at..end].fill(change[3]);
            }
            _ => {
                let end = (at + usize::from(change[3])).min(out.len());
                let piece = out[at..end].to_vec();
                let to = (at + usize::from(change[4])).min(out.len());
                out.splice(to..to, piece);
            }
        }
    }
    out
}
