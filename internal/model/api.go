package model

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
)

// An api is how one vendor is asked.
type api struct {
	root     string // of the vendor
	path     func(model string) []string
	sign     func(h http.Header, key string)
	question func(model, system, user string) any
	text     func(answer []byte) (string, error)
}

// apis are those that are known, by the name that a configuration gives them.
var apis = map[string]api{
	// The Messages API, version 2023-06-01.
	"anthropic": {
		root: "https://api.anthropic.com",
		path: func(string) []string { return []string{"v1", "messages"} },
		sign: func(h http.Header, key string) {
			h.Set("X-Api-Key", key)
			h.Set("Anthropic-Version", "2023-06-01")
		},
		question: func(model, system, user string) any {
			return anthropicQuestion{Model: model, MaxTokens: maxTokens, System: system, Messages: []message{{"user", user}}}
		},
		text: anthropicText,
	},
	// Chat completions, which many servers have taken over.
	"openai": {
		root: "https://api.openai.com/v1",
		path: func(string) []string { return []string{"chat", "completions"} },
		sign: bearer,
		question: func(model, system, user string) any {
			return openaiQuestion{Model: model, MaxTokens: maxTokens, Messages: []message{{"system", system}, {"user", user}}}
		},
		text: openaiText,
	},
	// The Converse API, with a key of Bedrock.
	"bedrock": {
		path: func(model string) []string {
			return []string{"model", strings.ReplaceAll(model, "/", "%2F"), "converse"}
		},
		sign: bearer,
		question: func(_, system, user string) any {
			q := bedrockQuestion{System: []part{{system}}, Messages: []bedrockMessage{{"user", []part{{user}}}}}
			q.Config.MaxTokens = maxTokens
			return q
		},
		text: bedrockText,
	},
}

func bearer(h http.Header, key string) { h.Set("Authorization", "Bearer "+key) }

// errEmpty is an answer without a text.
var errEmpty = errors.New("no text")

type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

type part struct {
	Text string `json:"text"`
}

type anthropicQuestion struct {
	Model     string    `json:"model"`
	MaxTokens int       `json:"max_tokens"`
	System    string    `json:"system"`
	Messages  []message `json:"messages"`
}

func anthropicText(answer []byte) (string, error) {
	var a struct {
		Content []part `json:"content"`
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		return "", err
	}
	return joined(a.Content)
}

type openaiQuestion struct {
	Model     string    `json:"model"`
	MaxTokens int       `json:"max_completion_tokens"`
	Messages  []message `json:"messages"`
}

func openaiText(answer []byte) (string, error) {
	var a struct {
		Choices []struct {
			Message message `json:"message"`
		} `json:"choices"`
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		return "", err
	}
	if len(a.Choices) == 0 {
		return "", errEmpty
	}
	return a.Choices[0].Message.Content, nil
}

type bedrockMessage struct {
	Role    string `json:"role"`
	Content []part `json:"content"`
}

type bedrockQuestion struct {
	System   []part           `json:"system"`
	Messages []bedrockMessage `json:"messages"`
	Config   struct {
		MaxTokens int `json:"maxTokens"`
	} `json:"inferenceConfig"`
}

func bedrockText(answer []byte) (string, error) {
	var a struct {
		Output struct {
			Message bedrockMessage `json:"message"`
		} `json:"output"`
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		return "", err
	}
	return joined(a.Output.Message.Content)
}

// joined puts the texts of an answer together; parts of other types have none.
func joined(parts []part) (string, error) {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(p.Text)
	}
	if b.Len() == 0 {
		return "", errEmpty
	}
	return b.String(), nil
}
