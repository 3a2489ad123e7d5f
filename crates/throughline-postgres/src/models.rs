//! The embedding models: which serves, which comes, which served before, and the steps from one to the other.
//!
//! Each step is one transaction that nobody who writes search rows runs beside (see [`Calls::change`]): it finds all rows there
//! are, and every later row finds it.

use throughline::ports::{
    EmbeddingModel, EmbeddingModels, ModelNumber, NumberedModel, RolledBack, StoreError,
};
use tokio_postgres::Client;

use crate::calls::Calls;
use crate::error::Fault;
use crate::statement::{Reply, Statement, column, text};
use crate::transaction::Transaction;

/// What a model is to the store, as the table has it.
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

/// Asks which models there are; [`read`] understands the answer.
pub(crate) fn all() -> Statement<'static> {
    Statement::new(
        "SELECT role, number, name, dimensions FROM throughline.model_roles JOIN throughline.embedding_models USING (number)",
    )
}

pub(crate) fn read(reply: &Reply) -> Result<EmbeddingModels, Fault> {
    let mut models = EmbeddingModels::default();
    for row in &reply.rows {
        let dimensions: i64 = column(row, 3)?;
        let known = NumberedModel {
            number: ModelNumber::try_from(column::<i32>(row, 1)?).unwrap_or(0),
            model: EmbeddingModel {
                name: text(column(row, 2)?)?,
                dimensions: usize::try_from(dimensions).unwrap_or(0),
            },
        };
        match column(row, 0)? {
            "serving" => models.serving = Some(known),
            "coming" => models.coming = Some(known),
            "previous" => models.previous = Some(known),
            role => return Err(Fault::Damaged(format!("an embedding model that is `{role}`"))),
        }
    }
    Ok(models)
}

pub(crate) async fn models(client: &Client) -> Result<EmbeddingModels, Fault> {
    read(&all().send(client).await?)
}

async fn found(transaction: &Transaction<'_>) -> Result<EmbeddingModels, Fault> {
    let [reply] = transaction.round([all()]).await?;
    read(&reply)
}

/// See [`throughline::ports::WriteStore::claim_embedding_model`].
pub(crate) fn claim(calls: &Calls, wanted: &EmbeddingModel) -> Result<EmbeddingModels, StoreError> {
    // Every process asks at its start, and mostly there is a model: nobody has to be kept waiting to find that out.
    let models = calls.read(models)?;
    if models.serving.is_some() {
        return Ok(models);
    }
    calls.change(async |transaction| {
        let models = found(transaction).await?;
        claim_within(transaction, models, wanted).await
    })
}

async fn claim_within(
    transaction: &Transaction<'_>,
    models: EmbeddingModels,
    wanted: &EmbeddingModel,
) -> Result<EmbeddingModels, Fault> {
    if models.serving.is_some() {
        return Ok(models);
    }
    let serving = insert(transaction, wanted).await?;
    transaction.commit(vec![assign(Role::Serving, Some(&serving))]).await?;
    Ok(EmbeddingModels { serving: Some(serving), ..models })
}

/// See [`throughline::ports::WriteStore::begin_switch`].
pub(crate) fn begin(calls: &Calls, wanted: &EmbeddingModel) -> Result<EmbeddingModels, StoreError> {
    calls.change(async |transaction| {
        let found = found(transaction).await?;
        let Some(serving) = &found.serving else { return claim_within(transaction, found, wanted).await };
        let mut next = EmbeddingModels { serving: found.serving.clone(), ..EmbeddingModels::default() };
        let mut given_up = found.coming.as_ref();
        let mut statements = Vec::new();
        if serving.model == *wanted {
            next.previous.clone_from(&found.previous);
        } else {
            let beside = found.coming.as_ref().or(found.previous.as_ref());
            let again = beside.filter(|beside| beside.model == *wanted);
            given_up = beside.filter(|_| again.is_none());
            next.coming = Some(if let Some(again) = again {
                again.clone()
            } else {
                let coming = insert(transaction, wanted).await?;
                statements.push(
                    Statement::new(
                        "INSERT INTO throughline.unread (model, scope, number)
                         SELECT $1, scope, number FROM throughline.search",
                    )
                    .with(i32::from(coming.number)),
                );
                coming
            });
        }
        if let Some(given_up) = given_up {
            statements.extend(give_up(given_up.number));
        }
        statements.push(assign(Role::Coming, next.coming.as_ref()));
        statements.push(assign(Role::Previous, next.previous.as_ref()));
        transaction.commit(statements).await?;
        Ok(next)
    })
}

/// See [`throughline::ports::WriteStore::complete_switch`].
pub(crate) fn complete(calls: &Calls, number: ModelNumber) -> Result<bool, StoreError> {
    // Asked often while it is not: that must not keep writers waiting.
    let ready = calls.read(async |client| Ok(!waits(&waiting(number).send(client).await?)?))?;
    if !ready {
        return Ok(false);
    }
    calls.change(async |transaction| {
        let [models, still] = transaction.round([all(), waiting(number)]).await?;
        let found = read(&models)?;
        let Some(coming) = found.coming.filter(|coming| coming.number == number) else { return Ok(false) };
        if waits(&still)? {
            return Ok(false);
        }
        transaction
            .commit(vec![
                assign(Role::Serving, Some(&coming)),
                assign(Role::Coming, None),
                assign(Role::Previous, found.serving.as_ref()),
            ])
            .await?;
        Ok(true)
    })
}

fn waiting(number: ModelNumber) -> Statement<'static> {
    Statement::new("SELECT EXISTS (SELECT FROM throughline.unread WHERE model = $1)").with(i32::from(number))
}

fn waits(reply: &Reply) -> Result<bool, Fault> {
    column(reply.first().ok_or(Fault::Again)?, 0)
}

/// See [`throughline::ports::WriteStore::roll_back_switch`].
pub(crate) fn roll_back(calls: &Calls) -> Result<RolledBack, StoreError> {
    calls.change(async |transaction| {
        let found = found(transaction).await?;
        if let Some(coming) = found.coming {
            let mut statements = Vec::from(give_up(coming.number));
            statements.push(assign(Role::Coming, None));
            transaction.commit(statements).await?;
            return Ok(RolledBack::Cancelled(coming));
        }
        let Some(previous) = found.previous else { return Ok(RolledBack::Nothing) };
        let roles =
            vec![assign(Role::Serving, Some(&previous)), assign(Role::Previous, found.serving.as_ref())];
        transaction.commit(roles).await?;
        Ok(RolledBack::Restored(previous))
    })
}

/// See [`throughline::ports::WriteStore::forget_previous_model`].
pub(crate) fn forget_previous(calls: &Calls) -> Result<Option<NumberedModel>, StoreError> {
    calls.change(async |transaction| {
        let Some(previous) = found(transaction).await?.previous else { return Ok(None) };
        let mut statements = Vec::from(give_up(previous.number));
        statements.push(assign(Role::Previous, None));
        transaction.commit(statements).await?;
        Ok(Some(previous))
    })
}

fn assign(role: Role, model: Option<&NumberedModel>) -> Statement<'static> {
    match model {
        Some(model) => Statement::new(
            "INSERT INTO throughline.model_roles (role, number) VALUES ($1, $2)
             ON CONFLICT (role) DO UPDATE SET number = excluded.number",
        )
        .with(role.name())
        .with(i32::from(model.number)),
        None => Statement::new("DELETE FROM throughline.model_roles WHERE role = $1").with(role.name()),
    }
}

/// Puts the models of another store in place of those that are here. `last` is the number it gave last.
pub(crate) fn restore(models: &EmbeddingModels, last: ModelNumber) -> Vec<Statement<'_>> {
    let mut statements = vec![Statement::new("DELETE FROM throughline.embedding_models")];
    let kept = models.iter().map(|known| insertion(known.number, &known.model.name, known.model.dimensions));
    statements.extend(kept);
    // Of a model that was given up only the number counts: it is not given again.
    if last > 0 && models.iter().all(|known| known.number != last) {
        statements.push(insertion(last, "", 0));
    }
    statements.push(assign(Role::Serving, models.serving.as_ref()));
    statements.push(assign(Role::Coming, models.coming.as_ref()));
    statements.push(assign(Role::Previous, models.previous.as_ref()));
    statements
}

fn insertion(number: ModelNumber, name: &str, dimensions: usize) -> Statement<'_> {
    Statement::new("INSERT INTO throughline.embedding_models (number, name, dimensions) VALUES ($1, $2, $3)")
        .with(i32::from(number))
        .with(name.as_bytes())
        .with(i64::try_from(dimensions).unwrap_or(i64::MAX))
}

/// Nothing waits for it any more, and what it has read is to be tidied.
fn give_up(number: ModelNumber) -> [Statement<'static>; 2] {
    [
        "INSERT INTO throughline.outdated (scope, number) SELECT scope, number FROM throughline.search AS read
         WHERE NOT EXISTS (SELECT FROM throughline.unread
             WHERE unread.model = $1 AND unread.scope = read.scope AND unread.number = read.number)
         ON CONFLICT DO NOTHING",
        "DELETE FROM throughline.unread WHERE model = $1",
    ]
    .map(|sql| Statement::new(sql).with(i32::from(number)))
}

/// Gives a model the next number; none is given twice.
async fn insert(transaction: &Transaction<'_>, model: &EmbeddingModel) -> Result<NumberedModel, Fault> {
    let [newest] = transaction
        .round([Statement::new("SELECT coalesce(max(number), 0) FROM throughline.embedding_models")])
        .await?;
    let newest: i32 = column(newest.first().ok_or(Fault::Again)?, 0)?;
    let number =
        ModelNumber::try_from(newest).ok().and_then(|newest| newest.checked_add(1)).ok_or_else(|| {
            StoreError::Full(format!("a store cannot have more than {} embedding models", ModelNumber::MAX))
        })?;
    transaction.round([insertion(number, &model.name, model.dimensions)]).await?;
    Ok(NumberedModel { number, model: model.clone() })
}
