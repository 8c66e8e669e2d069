//! What the hand-written readers and writers share: numbers and bytes as the general format has them, and fields of fixed width.

/// What is appended to.
pub(crate) struct Onto<'a>(pub(crate) &'a mut Vec<u8>);

impl Onto<'_> {
    /// A number takes no more bytes than its value needs, whatever its type.
    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "each arm has bounded it")]
    pub(crate) fn number(&mut self, number: u64) {
        match number {
            0..=250 => self.0.push(number as u8),
            251..=0xffff => self.tagged(251, (number as u16).to_le_bytes()),
            0x1_0000..=0xffff_ffff => self.tagged(252, (number as u32).to_le_bytes()),
            _ => self.tagged(253, number.to_le_bytes()),
        }
    }

    #[inline]
    pub(crate) fn wide(&mut self, number: u128) {
        match u64::try_from(number) {
            Ok(number) => self.number(number),
            Err(_) => self.tagged(254, number.to_le_bytes()),
        }
    }

    #[inline]
    pub(crate) fn chunk<const N: usize>(&mut self, bytes: [u8; N]) {
        self.0.extend_from_slice(&bytes);
    }

    #[inline]
    fn tagged<const N: usize>(&mut self, tag: u8, number: [u8; N]) {
        self.0.push(tag);
        self.chunk(number);
    }
}

/// What has not been read yet.
pub(crate) struct Rest<'a>(pub(crate) &'a [u8]);

impl Rest<'_> {
    #[inline]
    pub(crate) fn flag(&mut self) -> Option<bool> {
        match self.chunk()? {
            [0] => Some(false),
            [1] => Some(true),
            [_] => None,
        }
    }

    /// A number of a type that is narrower than eight bytes; none if it was written as one of a wider type.
    #[inline]
    pub(crate) fn narrow<T: TryFrom<u64>>(&mut self) -> Option<T> {
        let written = match self.0.first()? {
            0..=250 => 1,
            251 => 2,
            252 => 4,
            _ => 8,
        };
        if written > size_of::<T>() { None } else { T::try_from(self.number()?).ok() }
    }

    #[inline]
    pub(crate) fn number(&mut self) -> Option<u64> {
        let [first] = self.chunk()?;
        Some(match first {
            0..=250 => u64::from(first),
            251 => u64::from(u16::from_le_bytes(self.chunk()?)),
            252 => u64::from(u32::from_le_bytes(self.chunk()?)),
            253 => u64::from_le_bytes(self.chunk()?),
            _ => return None,
        })
    }

    #[inline]
    pub(crate) fn chunk<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (chunk, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*chunk)
    }
}
