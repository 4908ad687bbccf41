//! Many rows come in batches of a size that is asked for each time: what is not said of one after the first, the server
//! makes as large as a message may be, and memory grows with it.

use dbal::{query, value};

use super::plans::Place;

#[test]
fn every_batch_of_a_stream_is_of_the_same_size() {
    let Some(place) = Place::open() else { return };
    let made = (100..3_600_i64).map(|id| value!({ "id": id, "name": "a badge" }));
    place.client.entity("Badge").unwrap().insert_many(made).unwrap();
    let asked = place.wire.asked(|| {
        let rows = place.client.stream("Badge", query()).unwrap();
        assert_eq!(rows.map(Result::unwrap).count(), 3_500 + 39);
    });
    let sizes = asked.iter().map(|command| {
        let cursor = command.get_document("cursor").unwrap_or(command);
        cursor.get_i32("batchSize").map(i64::from).or_else(|_| cursor.get_i64("batchSize")).unwrap_or(0)
    });
    assert_eq!(sizes.collect::<Vec<_>>(), [1_000; 4], "{asked:#?}");
}
