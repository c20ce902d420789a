//! The simulated clock and inboxes: one driver behind every rehearsal.
