//! Noise control and fallbacks as stories on a made-up clock; each is told twice, once with a process that dies after every
//! input.

mod fallback;
mod flap;
mod notify_on;
mod pace;
mod planned;
pub(crate) mod scene;

use scene::Scene;

/// Plays a story in a process that lives and in one that dies all the time; both tell the same.
fn story(main: &str, play: impl Fn(&mut Scene)) -> String {
    let told = |dies_always: bool| {
        let mut scene = Scene::new(main);
        scene.dies_always = dies_always;
        play(&mut scene);
        scene.told()
    };
    let (one, other) = (told(false), told(true));
    assert_eq!(one, other, "a process that dies tells the same");
    one
}
