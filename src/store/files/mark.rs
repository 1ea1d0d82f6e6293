//! The counter that each transaction increments in its file, by which a write-ahead log is known to
//! belong to it.

use sqlx::{AssertSqlSafe, Executor as _, SqliteConnection};

use crate::error::Error;

/// Counts a transaction.
pub const COUNT: &str = "update write_count set count = count + 1";
const PAGE: &str = "select rootpage, user_version from sqlite_master, pragma_user_version \
    where type = 'table' and name = 'write_count'";

/// Writes the number of the page with the counter into the file header. A vacuum moves it.
pub async fn name_page(connection: &mut SqliteConnection) -> Result<(), Error> {
    let (page, named): (i64, i64) = sqlx::query_as(PAGE).fetch_one(&mut *connection).await?;
    if page != named {
        let set = AssertSqlSafe(format!("pragma user_version = {page}"));
        connection.execute(set).await?;
    }
    Ok(())
}
