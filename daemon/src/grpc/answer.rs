//! Answers.

use dbal::{Response, Value};

use super::value::{rows, sent};
use crate::generated::dbal_v1::response::Answer;
use crate::generated::dbal_v1::{List, Page, Response as Sent, Responses, Rows};

/// The message of an answer.
pub fn of(response: Response) -> Sent {
    let answer = match response {
        Response::Row(record) => Answer::Row(rows(vec![record])),
        Response::Maybe(record) => Answer::Row(record.map_or_else(Rows::default, |record| rows(vec![record]))),
        Response::Rows(records) => Answer::Rows(rows(records)),
        Response::Page(page) => Answer::Page(Page {
            data: Some(rows(page.data)),
            total: page.total,
            page: page.page,
            limit: page.limit,
            has_more: page.has_more,
            next_cursor: page.next_cursor,
            prev_cursor: page.prev_cursor,
        }),
        Response::Count(count) => Answer::Count(count),
        Response::Affected(count) => Answer::Affected(count),
        Response::Values { values, .. } => Answer::Values(List { values: values.into_iter().map(sent).collect() }),
        Response::Group(group) => Answer::Value(sent(Value::Map(group))),
        Response::Groups(groups) => Answer::Value(sent(Value::List(groups.into_iter().map(Value::Map).collect()))),
        Response::Done => Answer::Done(true),
        Response::Called(answered) => return of(answered.response),
        Response::Value(value) => Answer::Value(sent(value)),
        Response::Batch(all) => {
            Answer::Batch(Responses { responses: all.into_iter().map(|one| of(one.response)).collect() })
        }
    };
    Sent { answer: Some(answer) }
}
