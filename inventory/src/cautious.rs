//! Reading lists whose announced length is not believed.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};
use smallvec::{Array, SmallVec};

/// Reads a list. Room is made as its items come, and not as its length says: a few bad bytes can announce more than there is
/// memory for, and the list's own reader would ask for it all before it finds that nothing follows.
pub(crate) fn list<'de, A, D>(deserializer: D) -> Result<SmallVec<A>, D::Error>
where
    A: Array,
    A::Item: Deserialize<'de>,
    D: Deserializer<'de>,
{
    deserializer.deserialize_seq(ListVisitor(PhantomData))
}

struct ListVisitor<A>(PhantomData<A>);

impl<'de, A> Visitor<'de> for ListVisitor<A>
where
    A: Array,
    A::Item: Deserialize<'de>,
{
    type Value = SmallVec<A>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut items: S) -> Result<Self::Value, S::Error> {
        let mut list = SmallVec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use serde::de::value::{Error, SeqDeserializer};

    use super::*;

    /// Announces more items than memory can hold, and has three.
    struct Boaster(u8);

    impl Iterator for Boaster {
        type Item = u8;

        fn next(&mut self) -> Option<u8> {
            self.0 += 1;
            (self.0 <= 3).then_some(self.0)
        }

        fn size_hint(&self) -> (usize, Option<usize>) {
            (usize::MAX, Some(usize::MAX))
        }
    }

    #[test]
    fn an_announced_length_is_not_believed() {
        let announced = || SeqDeserializer::<_, Error>::new(Boaster(0));
        assert_eq!(list::<[u8; 2], _>(announced()).expect("three items").as_slice(), [1, 2, 3]);
        assert!(SmallVec::<[u8; 2]>::deserialize(announced()).is_err(), "its own reader believes it: this test shows nothing else");
    }
}
