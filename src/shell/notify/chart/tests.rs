use super::drawing::{SIZE, draw};
use super::font::dots;
use super::*;
use crate::model::Labels;
use crate::shell::notify::fixture;

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_seconds(minutes * 60)
}

fn data(lines: Vec<Vec<(Timestamp, f64)>>) -> ChartData {
    let (start, end, began) = (at(0), at(120), at(60));
    ChartData { start, end, step_ms: 60_000, lines, threshold: Some(5.0), began, expression: "load > 5".to_owned() }
}

fn wave(phase: f64) -> Vec<(Timestamp, f64)> {
    (0..=120).map(|minute| (at(minute), 4.0 + 4.0 * (minute as f64 / 20.0 + phase).sin())).collect()
}

/// The image with one character for 8 by 10 dots: that of the highest palette index among them.
fn small(data: &ChartData) -> String {
    let drawn = draw(data).expect("numbers");
    let cell = |x: usize, y: usize| {
        let dots = (0..80).map(|part| drawn.dots()[(y * 10 + part / 8) * SIZE.0 + x * 8 + part % 8]);
        b" #.=|abcde"[usize::from(dots.max().unwrap_or(0))] as char
    };
    let row = |y: usize| (0..SIZE.0 / 8).map(|x| cell(x, y)).collect::<String>().trim_end().to_owned();
    (0..SIZE.1 / 10).map(row).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_line_a_threshold_and_the_start() {
    insta::assert_snapshot!(small(&data(vec![wave(0.0)])), @r##"
    ##
    ## ..............aaaaaaaaaaaa...........|......................................
       #          aaaa          aaaa        |
       #        aaa                aaa      |
     # #      aaa                    aaa    |
    ## ......aa.......................aaa...|......................................
    ## #   aaa                          aaa |
       ===aa=============================aaa|======================================
       #aaa                                aa
     # aa                                   aaa
    ## a....................................|.aa...................................
       #                                    |  aaa
       #                                    |    aa                               a
       #                                    |     aa                            aaa
    ## .....................................|......aaa.........................aa..
    ## #                                    |        aaa                     aaa
       #                                    |          aaa                 aaa
       #                                    |           aaaa             aaa
    ## #                                    |              aaaa      aaaaa
    ## .....................................|.................aaaaaaaaa............
    ########          ########           ########           ########
    ########          ########           ########           ########
    "##);
}

#[test]
fn several_lines_without_a_threshold() {
    let lines = (0..8).map(|number| vec![(at(0), f64::from(number)), (at(120), f64::from(number) * 2e4)]).collect();
    let data = ChartData { threshold: None, began: at(-1), step_ms: 120 * 60_000, ..data(lines) };
    insta::assert_snapshot!(small(&data), @r##"
    #####
    ##### ....................................................................eeeee
          #                                                                eeeee
          #                                                            eeeee
     ###  #                                                        eeeee
    ##### .....................................................eeeee............ddd
    ##### #                                                eeeee           ddddddd
          #                                            eeeee          dddddd
          #                                        eeeee        ddddddd
     #### #                                    eeeee       ddddddd
    ##### .................................eeeee......ddddddd...............ccccccc
          #                            eeeee     dddddd             cccccccccc
          #                        eeeee   ddddddd          cccccccccc
          #                    eeeee  ddddddd       cccccccccc
    ##### .................eeeee.dddddd.....cccccccccc........................bbbbb
    ##### #            eeeeedddddd  cccccccccc                 bbbbbbbbbbbbbbbbbb
          #        eeeeedddddccccccccc         bbbbbbbbbbbbbbbbbb
          #    eeeeedddccccccc bbbbbbbbbbbbbbbbbb
       ## #eeeeeddccccbbbbbbbbbbb
       ## eedcbbbbaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
      ########          ########          ########          ### ####
      ########          ########          ########          ########
    "##);
}

#[test]
fn the_file_holds_what_was_drawn() {
    let drawn = draw(&data(vec![wave(0.0), wave(1.0)])).expect("numbers");
    let file = drawn.png().expect("a file");
    assert!(file.len() < 8192, "{}", file.len());
    let mut decoder = png::Decoder::new(std::io::Cursor::new(file));
    decoder.set_transformations(png::Transformations::IDENTITY);
    let mut reader = decoder.read_info().expect("a header");
    let mut read = vec![0; reader.output_buffer_size().expect("a size")];
    reader.next_frame(&mut read).expect("an image");
    assert_eq!((reader.info().width, reader.info().height), (640, 220));
    assert!(read == drawn.dots());
}

#[test]
fn nothing_is_drawn_without_numbers() {
    for lines in [vec![], vec![vec![]], vec![vec![(at(1), f64::NAN), (at(2), f64::INFINITY)]]] {
        assert!(draw(&data(lines.clone())).is_none(), "{lines:?}");
    }
}

#[test]
fn every_character_of_numbers_and_times_can_be_drawn() {
    for character in "0123456789.:-+ekMGTP".chars() {
        assert!(dots(character).count() > 0, "{character}");
    }
    assert_eq!(dots('ü').count(), 0);
}

/// Knows the alerts of one instance, or breaks.
struct Known(&'static str);

impl ChartSource for Known {
    fn chart(&self, alert: &Alert, until: Timestamp, _: &Arc<AtomicBool>) -> Option<ChartData> {
        assert_ne!(self.0, "broken");
        let start = until - Duration::from_secs(60);
        let known = ChartData { start, end: until, began: start, lines: vec![vec![(until, 1.0)]], ..data(vec![]) };
        (alert.labels.get("instance") == self.0).then_some(known)
    }
}

#[tokio::test]
async fn the_first_alert_with_data_has_the_chart() {
    for (known, expected) in [
        ("a:9100", Some("HighLoad: load > 5")),
        ("bb:9100", Some("HighLoad: load > 5")),
        ("elsewhere", None),
        ("broken", None),
    ] {
        let image = Charts::new(Arc::new(Known(known))).image(&fixture::notification()).await;
        assert_eq!(image.as_ref().map(|image| image.caption.as_str()), expected, "{known}");
        assert!(image.is_none_or(|image| image.png.starts_with(b"\x89PNG")), "{known}");
    }
    let alone = Notification { alerts: Vec::new(), ..fixture::notification() };
    assert_eq!(Charts::new(Arc::new(Known("a:9100"))).image(&alone).await, None);
    let long = Alert {
        labels: Labels::from_pairs([("alertname", "x".repeat(1000).as_str())]),
        ..fixture::notification().alerts[0].clone()
    };
    let image = image_of(&long, &data(vec![wave(0.0)])).expect("an image");
    assert_eq!(image.caption.chars().count(), CAPTION_LENGTH_MAX);
}

proptest::proptest! {
    #[test]
    fn never_panics(
        points in proptest::collection::vec((proptest::prelude::any::<i64>(), proptest::prelude::any::<f64>()), 0..20),
        start: i64, span in 0_i64..i64::MAX, step_ms: i64, began: i64, threshold: Option<f64>,
    ) {
        let time = Timestamp::from_millis;
        let lines = vec![points.into_iter().map(|(at, value)| (time(at), value)).collect()];
        let (start, end) = (time(start), time(start.saturating_add(span)));
        let _ = draw(&ChartData { start, end, step_ms, began: time(began), threshold, ..data(lines) });
    }
}
