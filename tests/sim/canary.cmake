# SPDX-License-Identifier: Apache-2.0
# Canaries: the simulator linked with one bug planted in the library, which it must find. The bug is an edit of a
# source file, made on a copy in the build folder, so that the library itself knows nothing of it.

# srpi_canary(NAME [LAYER/FILE FROM TO]...) - in each FILE the text FROM, which must be there once, becomes TO.
function(srpi_canary name)
  set(edits ${ARGN})
  set(sources)
  while(edits)
    list(POP_FRONT edits file from to)
    set(original ${PROJECT_SOURCE_DIR}/libsrpi/src/${file})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${original})
    set(copy ${CMAKE_CURRENT_BINARY_DIR}/canary/${name}/${file})
    if(copy IN_LIST sources)
      file(READ ${copy} text)
    else()
      file(READ ${original} text)
      list(APPEND sources ${copy})
    endif()
    string(REPLACE "${from}" "${to}" bent "${text}")
    if(bent STREQUAL text)
      message(WARNING "canary ${name} does not find its place in ${file} any more")
      add_test(NAME sim.canary.${name} COMMAND ${CMAKE_COMMAND} -E false)
      set_tests_properties(sim.canary.${name} PROPERTIES LABELS sim)
      return()
    endif()
    file(CONFIGURE OUTPUT ${copy} CONTENT "${bent}" @ONLY)
  endwhile()
  # The copy's object comes before the archive that has the original: the linker never asks for that one.
  add_executable(srpi-sim-${name} $<TARGET_OBJECTS:srpi_sim_main> ${sources})
  target_link_libraries(srpi-sim-${name} PRIVATE srpi_sim)
  if(NOT canary_seeds)
    set(canary_seeds 500)
  endif()
  add_test(NAME sim.canary.${name} COMMAND srpi-sim-${name} --seeds ${canary_seeds} --expect-failure)
  set_tests_properties(sim.canary.${name} PROPERTIES LABELS sim TIMEOUT 300)
endfunction()

srpi_canary(tag_reused
  channel/send.cpp "unit.tag = slots_.handle(slot)" "unit.tag = slot"
  channel/receive.cpp "slots_.find(response.tag)"
  "(response.tag < slots_.size() ? slots_.find(slots_.handle(static_cast<std::uint32_t>(response.tag))) : nullptr)")
srpi_canary(completed_early
  lun/unit_answers.cpp "--state.outstanding == 0" "--state.outstanding <= 1")
srpi_canary(lost_request
  lun/unit.cpp "if (--state_of(*r).outstanding == 0) end(*r)"
  "if (--state_of(*r).outstanding == 0 && r->blocks != 3) end(*r)")
srpi_canary(flush_dropped
  lun/flush.cpp "asks ? queue_ : settled_" "asks ? settled_ : settled_")
srpi_canary(durable_not_flushed
  lun/durable.cpp "state.without_bit && !flushed && info.write_cache" "false && flushed")
srpi_canary(durable_not_begun_anew
  lun/durable.cpp "doubtful = state.cache_epoch != epoch" "doubtful = false")
srpi_canary(lost_write_untold
  lun/flush.cpp "loss_untold_ = true" "loss_untold_ = false")
srpi_canary(lost_write_not_redone
  lun/durable.cpp "epoch = cache_epoch()" "epoch = nexus_.record().cache_epoch")
srpi_canary(residual_ignored
  lun/unit_answers.cpp "command.status == scsi::Status::good && command.residual_bytes == 0"
  "command.status == scsi::Status::good")
srpi_canary(unit_not_proved
  lun/unit_questions.cpp "scsi::compare(known.identity, (*answer)->identity)"
  "scsi::compare((*answer)->identity, (*answer)->identity)")
srpi_canary(credit_spent_twice
  channel/send.cpp "credits_.spend()" "(slot == 1 ? credits_.spend() : void()), credits_.spend()")
srpi_canary(stuck_not_asked
  session/stuck_resets.cpp "if (channels.submit_aside(reset->task))" "if (!reset && channels.live().empty())")
set(channel_fence_off
  session/nexus_io.cpp "late_fence_.keep(*c)" "submit(*c)"
  session/late_fence.cpp "if (!options_.fence || state_" "if (true || state_")
srpi_canary(channel_fence_off ${channel_fence_off})
# Rare: the unit goes away with a write in doubt, and is back and written to before that one is done.
set(canary_seeds 4000)
srpi_canary(away_fence_off
  session/away_units.cpp "withheld(before) && to_fence ? UnitState::unfenced" "withheld(before) && to_fence ? UnitState::here"
  session/late_fence.cpp "? not_before_ :" "? not_before_ + std::chrono::seconds(5) :")
srpi_canary(away_not_withheld
  session/away_units.cpp "if (!unit || !withheld(unit->state)) return" "if (!unit || command.lun != 1) return")
unset(canary_seeds)
# The live session would do what its login has left undone: both are off.
srpi_canary(fence_off
  session/attempt.cpp "if (!context_.options.fence || next == marked.end())" "if (true)"
  ${channel_fence_off})
