//! The embedding models: which serves, which comes, which served before, and the steps from one to the other.
//!
//! Each step is one transaction, and processes that share the file look here before each use: nobody has to be told.

use rusqlite::{Connection, OptionalExtension, params};
use throughline::ports::{
    EmbeddingModel, EmbeddingModels, ModelNumber, NumberedModel, RolledBack, StoreError,
};

use crate::error::Fault;

/// What a model is to the store, as the file has it.
#[derive(Debug, Clone, Copy)]
enum Role {
    Serving,
    Coming,
    Previous,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::Coming => "coming",
            Self::Previous => "previous",
        }
    }
}

pub(crate) fn models(connection: &Connection) -> Result<EmbeddingModels, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT role, number, name, dimensions FROM model_roles CROSS JOIN embedding_models USING (number)",
    )?;
    let mut rows = statement.query([])?;
    let mut models = EmbeddingModels::default();
    while let Some(row) = rows.next()? {
        let known = NumberedModel {
            number: row.get(1)?,
            model: EmbeddingModel { name: row.get(2)?, dimensions: row.get(3)? },
        };
        match row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)? {
            "serving" => models.serving = Some(known),
            "coming" => models.coming = Some(known),
            "previous" => models.previous = Some(known),
            role => return Err(Fault::Damaged(format!("an embedding model that is `{role}`"))),
        }
    }
    Ok(models)
}

/// The models a new row waits for, unless they have read it.
pub(crate) fn numbers(connection: &Connection) -> Result<Vec<ModelNumber>, Fault> {
    Ok(models(connection)?.numbers())
}

/// See [`throughline::ports::WriteStore::claim_embedding_model`].
pub(crate) fn claim(connection: &Connection, wanted: &EmbeddingModel) -> Result<EmbeddingModels, Fault> {
    let models = models(connection)?;
    if models.serving.is_some() {
        return Ok(models);
    }
    let serving = insert(connection, wanted)?;
    assign(connection, Role::Serving, Some(&serving))?;
    Ok(EmbeddingModels { serving: Some(serving), ..models })
}

/// See [`throughline::ports::WriteStore::begin_switch`].
pub(crate) fn begin(connection: &Connection, wanted: &EmbeddingModel) -> Result<EmbeddingModels, Fault> {
    let found = models(connection)?;
    let Some(serving) = &found.serving else { return claim(connection, wanted) };
    let mut next = EmbeddingModels { serving: found.serving.clone(), ..EmbeddingModels::default() };
    let mut given_up = found.coming.as_ref();
    if serving.model == *wanted {
        next.previous.clone_from(&found.previous);
    } else {
        let beside = found.coming.as_ref().or(found.previous.as_ref());
        let again = beside.filter(|beside| beside.model == *wanted);
        given_up = beside.filter(|_| again.is_none());
        next.coming = Some(if let Some(again) = again {
            again.clone()
        } else {
            let coming = insert(connection, wanted)?;
            connection
                .execute("INSERT INTO unread (model, row) SELECT ?, row FROM search", [coming.number])?;
            coming
        });
    }
    if let Some(given_up) = given_up {
        give_up(connection, given_up.number)?;
    }
    assign(connection, Role::Coming, next.coming.as_ref())?;
    assign(connection, Role::Previous, next.previous.as_ref())?;
    Ok(next)
}

/// See [`throughline::ports::WriteStore::complete_switch`].
pub(crate) fn complete(connection: &Connection, number: ModelNumber) -> Result<bool, Fault> {
    let found = models(connection)?;
    let Some(coming) = found.coming.filter(|coming| coming.number == number) else { return Ok(false) };
    let waits: bool =
        connection
            .query_row("SELECT EXISTS (SELECT 1 FROM unread WHERE model = ?)", [number], |row| row.get(0))?;
    if !waits {
        assign(connection, Role::Serving, Some(&coming))?;
        assign(connection, Role::Coming, None)?;
        assign(connection, Role::Previous, found.serving.as_ref())?;
    }
    Ok(!waits)
}

/// See [`throughline::ports::WriteStore::roll_back_switch`].
pub(crate) fn roll_back(connection: &Connection) -> Result<RolledBack, Fault> {
    let found = models(connection)?;
    if let Some(coming) = found.coming {
        give_up(connection, coming.number)?;
        assign(connection, Role::Coming, None)?;
        return Ok(RolledBack::Cancelled(coming));
    }
    let Some(previous) = found.previous else { return Ok(RolledBack::Nothing) };
    assign(connection, Role::Serving, Some(&previous))?;
    assign(connection, Role::Previous, found.serving.as_ref())?;
    Ok(RolledBack::Restored(previous))
}

/// See [`throughline::ports::WriteStore::forget_previous_model`].
pub(crate) fn forget_previous(connection: &Connection) -> Result<Option<NumberedModel>, Fault> {
    let Some(previous) = models(connection)?.previous else { return Ok(None) };
    give_up(connection, previous.number)?;
    assign(connection, Role::Previous, None)?;
    Ok(Some(previous))
}

fn assign(connection: &Connection, role: Role, model: Option<&NumberedModel>) -> Result<(), Fault> {
    match model {
        Some(model) => connection.execute(
            "INSERT INTO model_roles (role, number) VALUES (?, ?)
             ON CONFLICT (role) DO UPDATE SET number = excluded.number",
            params![role.name(), model.number],
        )?,
        None => connection.execute("DELETE FROM model_roles WHERE role = ?", [role.name()])?,
    };
    Ok(())
}

/// Nothing waits for it any more, and what it has read is to be tidied.
fn give_up(connection: &Connection, number: ModelNumber) -> Result<(), Fault> {
    connection.execute(
        "INSERT OR IGNORE INTO outdated (row)
         SELECT row FROM search WHERE row NOT IN (SELECT row FROM unread WHERE model = ?)",
        [number],
    )?;
    connection.execute("DELETE FROM unread WHERE model = ?", [number])?;
    Ok(())
}

/// Gives a model the next number; none is given twice.
fn insert(connection: &Connection, model: &EmbeddingModel) -> Result<NumberedModel, Fault> {
    let newest: Option<ModelNumber> = connection
        .query_row("SELECT max(number) FROM embedding_models", [], |row| row.get(0))
        .optional()?
        .flatten();
    let number = newest.unwrap_or(0).checked_add(1).ok_or_else(|| {
        StoreError::Full(format!("a store cannot have more than {} embedding models", ModelNumber::MAX))
    })?;
    let dimensions = i64::try_from(model.dimensions).unwrap_or(i64::MAX);
    connection.execute(
        "INSERT INTO embedding_models (number, name, dimensions) VALUES (?, ?, ?)",
        params![number, model.name, dimensions],
    )?;
    Ok(NumberedModel { number, model: model.clone() })
}

/// Puts the models of another store in place of those that are here. `last` is the number it gave last.
pub(crate) fn restore(
    connection: &Connection,
    models: &EmbeddingModels,
    last: ModelNumber,
) -> Result<(), Fault> {
    connection.execute("DELETE FROM embedding_models", [])?;
    let insert = |number: ModelNumber, name: &str, dimensions: usize| {
        connection.execute(
            "INSERT INTO embedding_models (number, name, dimensions) VALUES (?, ?, ?)",
            params![number, name, i64::try_from(dimensions).unwrap_or(i64::MAX)],
        )
    };
    for NumberedModel { number, model } in models.iter() {
        insert(*number, &model.name, model.dimensions)?;
    }
    // Of a model that was given up only the number counts: it is not given again.
    if last > 0 && models.iter().all(|known| known.number != last) {
        insert(last, "", 0)?;
    }
    assign(connection, Role::Serving, models.serving.as_ref())?;
    assign(connection, Role::Coming, models.coming.as_ref())?;
    assign(connection, Role::Previous, models.previous.as_ref())
}
