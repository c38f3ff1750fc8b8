// Command train makes the model of names and addresses out of labelled documents
// and word lists, as train/generator writes them, and scores it.
//
//	go run ./internal/pii/ner/train -data DIR -o internal/pii/ner/model.bin
//	go run ./internal/pii/ner/train -model FILE -score DOCS.jsonl [-predict OUT.jsonl]
//
// The same data, seed and machine give the same model, byte for byte.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/bricks-gateway/bricks/internal/pii/ner/chain"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "train:", err)
		os.Exit(1)
	}
}

type options struct {
	data, output, model, score, predict string
	seed                                uint64
	epochs, misses                      int
	lean                                float64
}

func run(args []string, out io.Writer) error {
	var o options
	fs := flag.NewFlagSet("train", flag.ContinueOnError)
	fs.StringVar(&o.data, "data", "", "folder with train.jsonl, heldout.jsonl and words.tsv")
	fs.StringVar(&o.output, "o", "", "file to write the model to")
	fs.Uint64Var(&o.seed, "seed", 1, "seed of the order of documents and of what is hidden")
	fs.IntVar(&o.epochs, "epochs", 4, "passes over the documents")
	fs.StringVar(&o.model, "model", "", "model to score with")
	fs.StringVar(&o.score, "score", "", "labelled documents to score")
	fs.StringVar(&o.predict, "predict", "", "file to write the predicted spans to, in bytes")
	fs.IntVar(&o.misses, "misses", 0, "how many wrong documents to print")
	fs.Float64Var(&o.lean, "lean", 0, "what to add for names when scoring, to see what finding more costs")
	if err := fs.Parse(args); err != nil {
		return err
	}
	switch {
	case o.score != "" && o.model != "":
		return scoreFile(out, o)
	case o.data != "" && o.output != "":
		return train(out, o)
	}
	return errors.New("-data and -o, or -model and -score, are needed")
}

func scoreFile(out io.Writer, o options) error {
	b, err := os.ReadFile(o.model)
	if err != nil {
		return err
	}
	m, err := chain.Unmarshal(b)
	if err != nil {
		return err
	}
	m.Bias[chain.BeginName] += float32(o.lean)
	docs, err := readLabelled(o.score)
	if err != nil {
		return err
	}
	if err := report(out, m, docs, o.misses); err != nil || o.predict == "" {
		return err
	}
	return writePredictions(o.predict, m, docs)
}

func train(out io.Writer, o options) error {
	docs, err := readDocuments(filepath.Join(o.data, "train.jsonl"))
	if err != nil {
		return err
	}
	held, err := readLabelled(filepath.Join(o.data, "heldout.jsonl"))
	if err != nil {
		return err
	}
	words, err := readWords(filepath.Join(o.data, "words.tsv"))
	if err != nil {
		return err
	}
	unseen, err := lexicon(words, true)
	if err != nil {
		return err
	}
	t := newTrainer(unseen, o.seed)
	for e := range o.epochs {
		loss, tokens := t.epoch(docs, float32(e)/float32(o.epochs))
		fmt.Fprintf(out, "epoch %d: loss %.4f per token, %d tokens\n", e+1, loss/float64(tokens), tokens)
	}
	m := t.model()
	fmt.Fprintln(out, "held-out frames, names unknown to the word lists:")
	if err := report(out, m, held, 0); err != nil {
		return err
	}
	if m.Lexicon, err = lexicon(words, false); err != nil {
		return err
	}
	fmt.Fprintln(out, "held-out frames, all word lists:")
	if err := report(out, m, held, 0); err != nil {
		return err
	}
	b, err := m.MarshalBinary()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d bytes\n", len(b))
	return os.WriteFile(o.output, b, 0o644)
}
