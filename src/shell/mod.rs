//! The outside world: sockets, files, the store, the clock. The only place with `async`.
