//! Records by number, without gaps: the last one takes the place of one that goes. Kept in pages that clones share; a
//! write copies the page it touches. The page that is being filled belongs to one alone, so that an addition asks nobody.

use std::sync::Arc;

use super::limits::DENSE_PAGE_RECORDS;

/// See the top of the file.
#[derive(Clone)]
pub(super) struct Dense<T> {
    /// All full.
    pages: Vec<Arc<Vec<T>>>,
    /// Not full.
    last: Vec<T>,
}

impl<T: Clone> Dense<T> {
    pub(super) fn new() -> Self {
        Self { pages: Vec::new(), last: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.pages.len() * DENSE_PAGE_RECORDS + self.last.len()
    }

    /// # Panics
    /// If there is no such number.
    pub(super) fn get(&self, number: u32) -> &T {
        let (page, place) = place(number);
        &self.pages.get(page).map_or(&self.last, |page| &**page)[place]
    }

    /// # Panics
    /// If there is no such number.
    pub(super) fn get_mut(&mut self, number: u32) -> &mut T {
        let (page, place) = place(number);
        &mut self.pages.get_mut(page).map_or(&mut self.last, Arc::make_mut)[place]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.pages.iter().flat_map(|page| page.iter()).chain(&self.last)
    }

    /// Pages that are not empty.
    pub(super) fn pages(&self) -> usize {
        self.pages.len() + usize::from(!self.last.is_empty())
    }

    /// The records of one page in the order of their numbers; none behind the last page.
    pub(super) fn page(&self, at: usize) -> &[T] {
        match self.pages.get(at) {
            Some(page) => page,
            None if at == self.pages.len() => &self.last,
            None => &[],
        }
    }

    /// Number of the record that is pushed next.
    ///
    /// # Panics
    /// At 2^32 - 1 records, which are more than any memory holds.
    #[allow(clippy::expect_used)]
    pub(super) fn next_number(&self) -> u32 {
        u32::try_from(self.len()).ok().filter(|&number| number < u32::MAX).expect("fewer than 2^32 - 1 records")
    }

    /// Appends a record and gives its number, see [`Dense::next_number`].
    pub(super) fn push(&mut self, record: T) -> u32 {
        let number = self.next_number();
        if self.last.capacity() == 0 {
            self.last.reserve_exact(DENSE_PAGE_RECORDS);
        }
        self.last.push(record);
        if self.last.len() == DENSE_PAGE_RECORDS {
            self.pages.push(Arc::new(std::mem::take(&mut self.last)));
        }
        number
    }

    /// Appends records; see [`Dense::push`].
    pub(super) fn push_all(&mut self, records: Vec<T>) {
        if records.len() == DENSE_PAGE_RECORDS && self.last.is_empty() {
            self.pages.push(Arc::new(records));
        } else {
            for record in records {
                self.push(record);
            }
        }
    }

    /// Takes a record out. The last one, if it is another, has this number from then on.
    ///
    /// # Panics
    /// If there is no such number.
    #[allow(clippy::expect_used)]
    pub(super) fn swap_remove(&mut self, number: u32) -> T {
        if self.last.is_empty() {
            self.last = self.pages.pop().map(Arc::unwrap_or_clone).expect("some records");
        }
        let last = self.last.pop().expect("no page is empty");
        if number as usize == self.len() { last } else { std::mem::replace(self.get_mut(number), last) }
    }
}

fn place(number: u32) -> (usize, usize) {
    (number as usize / DENSE_PAGE_RECORDS, number as usize % DENSE_PAGE_RECORDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_plain_list_whose_clones_keep_what_they_had() {
        let (mut dense, mut plain) = (Dense::new(), Vec::new());
        for n in 0..3 * DENSE_PAGE_RECORDS {
            assert_eq!(dense.push(n) as usize, plain.len());
            plain.push(n);
        }
        let (clone, before) = (dense.clone(), plain.clone());
        for n in 0..plain.len() {
            let at = n * 31 % plain.len();
            assert_eq!(dense.swap_remove(u32::try_from(at).unwrap()), plain.swap_remove(at));
            if let Some(last) = plain.last_mut() {
                *last += 1;
                *dense.get_mut(u32::try_from(dense.len() - 1).unwrap()) += 1;
            }
        }
        assert_eq!((dense.len(), dense.pages.len()), (0, 0));
        assert!((0_u32..).zip(&before).all(|(number, record)| clone.get(number) == record));
        assert!(clone.iter().eq(&before));
    }

    #[test]
    fn pages_that_are_appended_give_the_same_list() {
        for count in [0, 1, DENSE_PAGE_RECORDS - 1, DENSE_PAGE_RECORDS, 2 * DENSE_PAGE_RECORDS + 7] {
            let (mut dense, mut copy) = (Dense::new(), Dense::new());
            for n in 0..count {
                dense.push(n);
            }
            (0..dense.pages()).for_each(|at| copy.push_all(dense.page(at).to_vec()));
            assert!(copy.iter().eq(dense.iter()) && copy.iter().copied().eq(0..count));
            assert_eq!((copy.len(), copy.pages(), copy.page(copy.pages()).len()), (count, count.div_ceil(DENSE_PAGE_RECORDS), 0));
        }
        let mut uneven = Dense::new();
        for records in [vec![0, 1], (2..2 + DENSE_PAGE_RECORDS).collect()] {
            uneven.push_all(records);
        }
        assert!(uneven.iter().copied().eq(0..2 + DENSE_PAGE_RECORDS));
    }
}
