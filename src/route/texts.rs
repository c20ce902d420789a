//! Texts that many alerts have in common, each kept once.

use std::sync::Arc;

use hashbrown::HashSet;

/// How many texts are kept before those that nobody has any more are looked for.
const TIDY_MIN: usize = 1_024;

/// The texts.
#[derive(Debug, Default)]
pub(super) struct Texts {
    texts: HashSet<Arc<str>>,
    /// With how many texts unused ones are looked for.
    tidy_at: usize,
}

impl Texts {
    /// The text, as it is had already if it is.
    pub(super) fn share(&mut self, text: Arc<str>) -> Arc<str> {
        if self.texts.len() >= self.tidy_at {
            self.texts.retain(|text| Arc::strong_count(text) > 1);
            self.tidy_at = TIDY_MIN.max(2 * self.texts.len());
        }
        Arc::clone(self.texts.get_or_insert(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_are_one_and_unused_ones_go() {
        let mut texts = Texts::default();
        let kept = texts.share("kept".into());
        assert!(Arc::ptr_eq(&kept, &texts.share("kept".into())));
        for number in 0..10 * TIDY_MIN {
            texts.share(number.to_string().into());
            assert!(texts.texts.len() <= TIDY_MIN, "{number}");
        }
        assert!(Arc::ptr_eq(&kept, &texts.share("kept".into())));
    }
}
