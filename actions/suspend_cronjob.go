package actions

import "github.com/amendhq/amend"

func init() {
	register(Action{
		Name:    "suspend-cronjob",
		Summary: "Stop a CronJob from starting further jobs.",
		Kinds:   []string{"CronJob"},
		Fields:  []amend.FieldPattern{"spec.suspend"},
		Plan:    planSuspendCronJob,
	})
}

// planSuspendCronJob leaves a job that runs alone. Nothing resumes the CronJob
// but a person, or the revert of the change.
func planSuspendCronJob(amend.Request, View) ([]Set, error) {
	return []Set{{Field: amend.Field("spec", "suspend"), Value: amend.Scalar{Text: "true", Boolean: true}}}, nil
}
