use std::time::Duration;

use super::scene::Scene;
use super::story;

const MAIN: &str = "
route: {receiver: pager, group_by: [alertname], group_wait: 10s, group_interval: 5m, repeat_interval: 1h}
receivers:
  - {name: pager, fallback: chat, give_up_after: 2m, console_configs: [{}]}
  - {name: chat, fallback: mail, console_configs: [{}]}
  - {name: mail, console_configs: [{}]}
";

#[test]
fn what_is_refused_goes_to_the_fallback_at_once_and_its_end_too() {
    let told = story(MAIN, |scene| {
        scene.break_receiver("pager", true);
        scene.down(&["a"]);
        scene.until(400);
        scene.down(&["b"]);
        scene.until(5000);
        scene.up(&["a"]);
        scene.until(5500);
        scene.mend("pager");
        scene.until(6000);
        scene.up(&["b"]);
        scene.until(7000);
    });
    insta::assert_snapshot!(told, @r###"
      0:10 pager given up
      0:10 chat [a|] fallback: pager could not be told
      5:10 pager given up
     10:10 pager given up
     10:10 chat [a b|] fallback: pager could not be told
     15:10 pager given up
     20:10 pager given up
     25:10 pager given up
     30:10 pager given up
     35:10 pager given up
     40:10 pager given up
     45:10 pager given up
     50:10 pager given up
     55:10 pager given up
     60:10 pager given up
     65:10 pager given up
     70:10 pager given up
     70:10 chat [a b|] fallback: pager could not be told
     75:10 pager given up
     80:10 pager given up
     85:10 chat [b|a] alerts resolved in group
     85:10 pager given up
     90:10 pager given up
     95:10 pager [b|] first notification
    100:10 chat [|b] all alerts resolved
    100:10 pager [|b] all alerts resolved
    "###);
}

#[test]
fn what_cannot_be_delivered_for_long_goes_to_the_fallback() {
    let told = story(MAIN, |scene| {
        scene.break_receiver("pager", false);
        scene.down(&["a"]);
        scene.until(60);
        scene.up(&["a"]);
        scene.until(1000);
    });
    insta::assert_snapshot!(told, @r###"
    2:12 pager given up
    2:12 chat [a|] fallback: pager could not be told
    5:10 chat [|a] all alerts resolved
    "###);
}

#[test]
fn a_chain_ends_with_the_one_who_works() {
    let told = story(MAIN, |scene| {
        scene.break_receiver("pager", true);
        scene.break_receiver("chat", true);
        scene.down(&["a"]);
        scene.until(700);
        scene.up(&["a"]);
        scene.until(1000);
    });
    insta::assert_snapshot!(told, @r###"
     0:10 pager given up
     0:10 chat given up
     0:10 mail [a|] fallback: chat could not be told
     5:10 pager given up
     5:10 chat given up
    10:10 pager given up
    10:10 chat given up
    15:10 mail [|a] all alerts resolved
    "###);
}

#[test]
fn nothing_is_left_when_all_is_over_and_the_fallback_may_go() {
    let mut scene = Scene::new(MAIN);
    scene.break_receiver("pager", true);
    scene.down(&["a"]);
    scene.until(100);
    scene.reload(&MAIN.replace("fallback: chat, ", ""));
    scene.until(400);
    scene.check_empty(Duration::from_secs(2 * 86_400));
}
