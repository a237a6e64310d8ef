package locate

// maxChartRenders bounds, in renders of a very large chart, what all charts may
// cost that are rendered for one query.
const maxChartRenders = 12

func (chart) sites(*target) []site { return nil }
