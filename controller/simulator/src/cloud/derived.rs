//! Ids that follow from other ids, for what has no record of its own: a route table of a VPC, a rule of a group.
//!
//! They cost no draw of the world's chance, so that whatever asks for one moves no other id.

use crate::entropy::Prng;

/// The id of that prefix that follows from `of`: the same whenever it is asked for.
/// The hash is FNV-1a: <http://www.isthe.com/chongo/tech/comp/fnv/>.
pub(crate) fn derived_id(prefix: &str, of: &str) -> String {
    let hashed = |text: &str| {
        text.bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
    };
    format!("{prefix}0{}", Prng::new(hashed(prefix) ^ hashed(of).rotate_left(1)).hex(16))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_follows_from_what_it_belongs_to() {
        let one = derived_id("rtb-", "vpc-1");
        assert_eq!((one.len(), one.starts_with("rtb-0")), (21, true));
        assert_eq!(one, derived_id("rtb-", "vpc-1"));
        assert_ne!(one, derived_id("rtb-", "vpc-2"));
        assert_ne!(one[4..], derived_id("igw-", "vpc-1")[4..]);
    }
}
