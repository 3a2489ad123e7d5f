//! The behaviours every store must show, as functions; [`store_conformance!`](crate::store_conformance) makes a test
//! of each.
//!
//! Besides single behaviours there is a comparison: random operations, done to the store and to [`ModelStore`], which is
//! as simple as a store can be, must give the same answers.

mod chat;
mod comparison;
mod copying;
mod forgetting;
mod jobs;
mod keys;
mod learning;
mod ledger;
mod model;
mod opening;
mod profiles;
mod rate;
mod rows;
mod scopes;
mod support;
mod switch;
mod turns;
mod usage;
mod vectors;

pub use chat::{ChatRoundTrips, round_trips_of_chats};
pub use comparison::a_store_answers_as_a_simple_model_does;
pub use copying::*;
pub use forgetting::*;
pub use jobs::*;
pub use keys::*;
pub use ledger::*;
pub use model::{ModelStore, ModelVectors};
pub use opening::*;
pub use profiles::*;
pub use rate::*;
pub use rows::*;
pub use scopes::*;
pub use switch::*;
pub use turns::*;
pub use usage::*;
pub use vectors::*;

use std::sync::Arc;

use super::{CopyStore, Store, VectorIndex};

/// Gives a fresh, empty store to the function it is given, and takes it away afterwards.
pub type WithStore<'a> = &'a dyn Fn(&mut dyn FnMut(&dyn Store));

/// Gives a fresh, empty vector index to the function it is given, and takes it away afterwards.
pub type WithVectors<'a> = &'a dyn Fn(&mut dyn FnMut(&Arc<dyn VectorIndex>));

/// Makes a test of each behaviour of a vector index. Takes a function of the type [`WithVectors`] points to.
#[macro_export]
macro_rules! vector_conformance {
    ($with_vectors:path) => {
        $crate::store_conformance!(@tests $with_vectors,
            a_set_never_begun_has_nothing_and_takes_nothing,
            what_was_put_is_found_nearest_first,
            an_entry_put_again_replaces_the_old,
            a_change_from_another_mark_changes_nothing,
            a_set_taken_away_takes_nothing_any_more,
            conditions_are_exact,
            ten_thousand_memories_of_ten_users_are_found_as_by_exact_search,
            two_models_and_two_lives_never_mix,
            an_erased_user_leaves_no_vectors,
            a_memory_writes_it_from_its_log_and_finds_what_differs,
            a_memory_erases_a_user_from_it,
        );
    };
}

/// Gives two fresh, empty stores to the function it is given, of the same engine or of two.
pub type WithStores<'a> = &'a dyn Fn(&mut dyn FnMut(&dyn CopyStore, &dyn CopyStore));

/// Makes a test of each behaviour of copying. Takes a function of the type [`WithStores`] points to: from the first store the
/// second is to be copied.
#[macro_export]
macro_rules! copy_conformance {
    ($with_stores:path) => {
        $crate::store_conformance!(@tests $with_stores,
            a_copy_answers_as_its_source_and_goes_on_as_it,
            a_copy_that_was_cut_off_is_finished_by_the_next,
            a_pass_copies_only_what_changed,
            what_was_erased_or_forgotten_meanwhile_is_gone_from_the_copy,
            a_store_that_has_moved_refuses_every_write,
            a_copy_refuses_every_write_until_it_is_finished,
            nothing_is_overwritten_by_a_copy,
            a_difference_is_found_and_named,
        );
    };
}

/// Makes a test of each behaviour. Takes a function of the type [`WithStore`] points to.
#[macro_export]
macro_rules! store_conformance {
    ($with_store:path) => {
        $crate::store_conformance!(@tests $with_store,
            a_scope_never_written_to_has_nothing,
            a_turn_reads_back_as_it_was_written,
            turns_are_listed_page_by_page,
            sessions_are_listed_page_by_page,
            a_resent_history_is_recorded_once,
            the_same_words_said_again_are_another_turn,
            a_changed_turn_is_a_branch_beside_the_old,
            an_unknown_parent_is_a_conflict_and_nothing_is_written,
            a_repeated_idempotency_key_answers_as_the_first_time,
            an_idempotency_key_with_another_body_is_refused,
            a_turn_is_found_by_its_chain_and_by_its_message,
            search_rows_are_a_log_read_from_any_number,
            a_row_that_gets_its_vector_is_a_new_row_in_place_of_the_old,
            scopes_with_many_rows_are_listed,
            two_scopes_share_nothing,
            every_version_of_a_profile_stays_readable,
            a_profile_somebody_else_changed_is_a_conflict,
            an_identity_gets_a_version_for_each_new_text,
            a_receipt_is_found_by_its_tenant_alone,
            a_slot_schema_is_set_and_taken_away,
            the_first_embedding_model_serves_and_another_one_changes_nothing,
            a_coming_model_serves_only_when_no_row_waits_for_it,
            a_switch_under_way_is_called_off_by_a_rollback,
            a_rollback_returns_to_the_previous_model_and_only_what_it_never_read_waits,
            a_switch_to_another_model_gives_up_the_one_beside,
            a_forgotten_model_leaves_rows_to_be_tidied,
            the_secret_stays_the_same,
            a_key_is_accepted_until_it_is_revoked,
            an_erased_user_is_gone_and_nobody_else,
            a_scope_never_written_to_has_learned_nothing,
            every_act_reads_back_as_it_was_recorded,
            a_ledger_somebody_else_appended_to_is_a_conflict,
            a_claim_made_twice_is_one,
            an_entry_is_never_recorded_before_the_one_before_it,
            a_memory_is_found_by_its_tenant_alone,
            a_profile_is_written_with_what_was_learned_or_neither_is,
            turns_of_a_session_wait_in_one_job,
            a_job_is_taken_once_and_gone_when_it_is_done,
            a_session_is_waited_for_until_it_is_quiet_or_has_much_to_say,
            a_job_of_a_scope_waits_while_another_of_it_runs,
            a_users_jobs_are_taken_at_once_when_they_are_asked_for,
            turns_that_come_while_a_job_runs_make_a_new_one,
            a_worker_whose_lease_ran_out_cannot_write_once_another_has_its_job,
            a_job_put_back_is_not_taken_before_its_time,
            a_job_put_back_keeps_later_ones_of_its_session_waiting,
            a_replay_does_not_keep_a_job_that_runs_from_being_taken_over,
            turns_after_the_last_one_learned_from_wait_again,
            a_dead_job_is_kept_for_a_replay,
            workers_at_once_never_have_two_jobs_of_a_scope,
            forgetting_takes_the_words_out_of_everything,
            a_client_that_resends_a_forgotten_turn_does_not_bring_it_back,
            copies_of_search_rows_learn_that_words_were_taken_out,
            who_did_not_know_of_the_other_comes_too_late,
            a_tombstone_stays_until_it_is_lifted,
            an_erased_user_leaves_nothing_learned_and_nothing_to_learn,
            requests_are_counted_by_tenant_and_minute,
            requests_taken_at_once_are_all_counted,
            usage_is_counted_by_user_stage_and_day,
            an_addition_tells_what_the_tenant_spent_on_the_day,
            usage_is_read_of_a_range_of_days,
            what_was_spent_for_an_erased_user_stays_in_the_tenants_sum_alone,
            additions_at_once_lose_nothing_and_are_told_different_sums,
            a_request_begins_with_what_single_reads_would_say,
            a_request_finds_where_its_conversation_goes_on,
            what_is_new_comes_with_the_opening_or_not_at_all,
            writers_at_once_lose_nothing_and_number_without_a_gap,
            a_store_answers_as_a_simple_model_does,
        );
    };
    (@tests $with_store:path, $($behaviour:ident,)+) => {
        $(
            #[test]
            fn $behaviour() {
                $crate::ports::conformance::$behaviour(&$with_store);
            }
        )+
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_model(run: &mut dyn FnMut(&dyn Store)) {
        run(&ModelStore::default());
    }

    store_conformance!(with_model);

    mod vectors {
        use super::*;

        fn with_model(run: &mut dyn FnMut(&Arc<dyn VectorIndex>)) {
            run(&(Arc::new(ModelVectors::default()) as _));
        }

        crate::vector_conformance!(with_model);
    }

    #[test]
    fn a_store_without_a_server_costs_a_chat_no_round_trip() {
        let none = ChatRoundTrips { new_user: (0, 0), warm: (0, 0), cold: 0 };
        let store: std::sync::Arc<dyn Store> = std::sync::Arc::new(ModelStore::default());
        assert_eq!(round_trips_of_chats(&store), none);
    }
}
