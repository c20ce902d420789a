//! Tells when a thread of the service ends that should not.

use tokio::sync::mpsc;

/// Held by a thread for as long as it lives; whether it returns or panics, its name is told.
#[derive(Debug)]
pub(super) struct Sentinel {
    name: &'static str,
    ended: mpsc::Sender<&'static str>,
}

impl Sentinel {
    pub(super) fn new(name: &'static str, ended: mpsc::Sender<&'static str>) -> Self {
        Sentinel { name, ended }
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        // A full channel means that another end is told already; a closed one, that nobody listens any more.
        let _ = self.ended.try_send(self.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_by_panic_is_told() {
        let (tell, mut ended) = mpsc::channel(1);
        let sentinel = Sentinel::new("evaluate", tell);
        let thread = std::thread::spawn(move || {
            let _sentinel = sentinel;
            panic!("as if by a bug");
        });
        assert!(thread.join().is_err());
        assert_eq!(ended.try_recv(), Ok("evaluate"));
    }
}
