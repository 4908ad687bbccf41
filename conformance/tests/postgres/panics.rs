//! Whoever awaits may panic when told; the answers of others must come all the same.

use std::sync::mpsc;
use std::time::Duration;

use dbal::adapter::{Adapter as _, Cancel, Intent, Task, Wanted};

use crate::Place;

#[test]
fn a_panic_in_one_answer_does_not_keep_others_from_theirs() {
    let Some(place) = Place::new("panics") else { return };
    let driver = place.adapter.driver().expect("there is a thread for awaited requests");
    let wanted = || Wanted { intent: Intent::Read, brief: true, deadline: None, cancel: Cancel::default() };
    let (tell, told) = mpsc::channel();
    for number in 0..10 {
        let tell = tell.clone();
        let task: Task = Box::new(move |connection| {
            drop(connection.expect("connects"));
            Box::pin(async move {
                Box::new(move || {
                    assert!(number % 3 != 1, "the host of answer {number} panics, as this test wants");
                    tell.send(number).expect("somebody waits");
                }) as dbal::adapter::Answer
            })
        });
        driver.spawn(wanted(), task);
    }
    let mut came: Vec<i32> = (0..7).map(|_| told.recv_timeout(Duration::from_secs(10)).expect("comes")).collect();
    came.sort_unstable();
    assert_eq!(came, [0, 2, 3, 5, 6, 8, 9]);
}
