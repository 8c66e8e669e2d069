//! Names as small numbers: a buyer, a key or an order's id is kept once, however often it is heard.

use std::collections::HashMap;
use std::sync::Arc;

/// The number of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(u32);

/// Every name that was heard. About 100 bytes each, and its text.
#[derive(Clone, Debug, Default)]
pub struct Names {
    known: HashMap<Arc<str>, Name>,
    texts: Vec<Arc<str>>,
}

impl Names {
    /// The number of `text`, the same every time.
    ///
    /// # Panics
    /// When there are more than 2^32 names, long after memory ended.
    #[allow(clippy::expect_used, reason = "2^32 names are 400 GB")]
    pub fn number(&mut self, text: &str) -> Name {
        if let Some(name) = self.known.get(text) {
            return *name;
        }
        let name = Name(u32::try_from(self.texts.len()).expect("fewer than 2^32 names"));
        let text: Arc<str> = text.into();
        self.texts.push(Arc::clone(&text));
        self.known.insert(text, name);
        name
    }

    /// Its text; `?` for a name of other [`Names`].
    pub fn text(&self, name: Name) -> &str {
        self.texts.get(name.0 as usize).map_or("?", |text| text)
    }
}
