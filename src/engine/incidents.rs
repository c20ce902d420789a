//! Incidents of the engine.

use super::Engine;
use crate::escalate::{Answer, AnswerError, Incidents};
use crate::model::Timestamp;

impl Engine {
    /// The incidents.
    pub fn incidents(&self) -> &Incidents {
        &self.incidents
    }

    /// Whether `answer` can be taken at `now`.
    ///
    /// # Errors
    ///
    /// Why it is not.
    pub fn plan_answer(&self, _now: Timestamp, answer: &Answer) -> Result<(), AnswerError> {
        self.incidents.get(answer.incident).map(drop).ok_or(AnswerError::Unknown(answer.incident))
    }
}
