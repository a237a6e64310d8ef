package slack

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"github.com/amendhq/amend/internal/approval"
	"github.com/amendhq/amend/internal/message"
)

// The bounds of what a message shows, in bytes. Slack takes 150 characters of a
// header and 3,000 of a section; a longer diff is for the pull request.
const (
	maxTitle = 140
	maxText  = 2000
	maxDiff  = 2800
)

// show writes the message of a question. Its texts come from alerts and files,
// and all are of types in which nothing is a mark.
func show(q approval.Question, o approval.Outcome) []slack.MsgOption {
	title := message.Plain(q.Title, maxTitle)
	blocks := []slack.Block{slack.NewHeaderBlock(plain(orElse(title, "amend")))}
	if text := message.Plain(q.Text, maxText); text != "" {
		blocks = append(blocks, slack.NewSectionBlock(plain(text), nil, nil))
	}
	if diff := excerpt(q.Diff); diff != "" {
		blocks = append(blocks, slack.NewRichTextBlock("diff", &slack.RichTextPreformatted{
			Type: slack.RTEPreformatted, Elements: []slack.RichTextSectionElement{slack.NewRichTextSectionTextElement(diff, nil)},
		}))
	}
	blocks = append(blocks, slack.NewSectionBlock(plain(q.Status(o)), nil, nil))
	if b := buttons(q, o); len(b) > 0 {
		blocks = append(blocks, slack.NewActionBlock("answer", b...))
	}
	return append(plainly(title+": "+q.Status(o)), slack.MsgOptionBlocks(blocks...))
}

// plainly is a text with nothing in it that Slack would act on; of a message
// with blocks it is what notifications show.
func plainly(text string) []slack.MsgOption {
	return []slack.MsgOption{
		slack.MsgOptionText(text, true), slack.MsgOptionDisableMarkdown(), slack.MsgOptionParse(false), slack.MsgOptionLinkNames(false),
		slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl(),
	}
}

func plain(text string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.PlainTextType, text, false, false)
}

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

// buttons are the answers that are possible, and the way to the Git host.
func buttons(q approval.Question, o approval.Outcome) []slack.BlockElement {
	var all []slack.BlockElement
	button := func(v approval.Verb, label string, style slack.Style, sure string) {
		b := slack.NewButtonBlockElement(string(v), buttonValue(q), plain(label))
		if style != slack.StyleDefault {
			b.WithStyle(style).WithConfirm(slack.NewConfirmationBlockObject(plain("Are you sure?"), plain(sure), plain(label), plain("Not now")))
		}
		all = append(all, b)
	}
	if !o.Final() && q.Answerable {
		button(approval.Approve, "Approve and merge", slack.StylePrimary, "amend merges exactly the commit that is shown here.")
	}
	if !o.Final() && q.SHA != "" {
		button(approval.Reject, "Reject", slack.StyleDanger, "amend closes the pull request and leaves the incident alone for a while.")
	}
	if o.State == approval.Waiting {
		button(approval.Acknowledge, "I look after it", slack.StyleDefault, "")
	}
	if q.URL != "" {
		link := slack.NewButtonBlockElement("open", "", plain("Open"))
		link.URL = q.URL
		all = append(all, link)
	}
	return all
}

// excerpt returns the first lines of a diff. What cannot be seen, but would
// change what is seen, shows as U+FFFD.
func excerpt(diff string) string {
	const cut = "\n(cut here; the pull request has all of it)"
	diff = strings.TrimRight(strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || unicode.IsGraphic(r) && !unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector):
			return r
		case r == '\r':
			return -1
		}
		return utf8.RuneError
	}, diff), "\n")
	if len(diff) <= maxDiff {
		return diff
	}
	end := strings.LastIndexByte(diff[:maxDiff-len(cut)], '\n')
	return strings.ToValidUTF8(diff[:max(end, 0)], "") + cut
}
