(** * The constants of curvature/constants.py

    The theorems are stated with these names. `grpo-curvature prove` holds each number here against the one that the
    numerical code uses. *)

From Coq Require Import Reals.
Open Scope R_scope.

Definition CURVATURE : R := 1 / 4.
Definition SLOPE : R := 1 / 2.
Definition HALF_WIDTH : R := 1 / 2.
Definition STEP : R := ln 2.
Definition RATE : R := 2 * ln 2 - 1.
Definition A_PRIORI_STD : R := 1 / 2.
Definition STEP_UNIT : R := 4.
