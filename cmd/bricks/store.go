package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/bricks-gateway/bricks/admin"
	"github.com/bricks-gateway/bricks/internal/audit"
	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/progress"
	"github.com/bricks-gateway/bricks/internal/secrets"
	"github.com/bricks-gateway/bricks/internal/store"
)

// openStore opens the store that c asks for, and the keyring that it is sealed
// with. Both secrets may be made only for the embedded store: with a shared
// database every process would make its own.
func openStore(ctx context.Context, c config, logger *slog.Logger) (*store.Store, *secrets.Keyring, error) {
	keyring, err := secrets.Load(secrets.LoadOptions{
		Dir:               c.DataDir,
		MayCreate:         !c.Postgres.enabled(),
		Pepper:            c.Pepper.Reveal(),
		PepperFile:        c.PepperFile,
		EncryptionKey:     c.EncryptionKey.Reveal(),
		EncryptionKeyFile: c.EncryptionKeyFile,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("load secrets: %w", err)
	}
	options := store.Options{Keyring: keyring, Logger: logger}
	var s *store.Store
	err = progress.Do(ctx, "open the store", func(ctx context.Context) (err error) { // which may take a new schema
		if c.Postgres.enabled() {
			s, err = store.OpenPostgres(ctx, c.Postgres.store(), options)
		} else {
			s, err = store.OpenSQLite(ctx, filepath.Join(c.DataDir, "bricks.db"), options)
		}
		return err
	})
	return s, keyring, err
}

// store is what the store takes of the configuration.
func (p *postgresConfig) store() store.PostgresConfig {
	return store.PostgresConfig{
		Hosts:        p.Hosts,
		Port:         p.Port,
		User:         p.Username,
		Password:     p.Password,
		Database:     p.Database,
		SSLMode:      p.SSLMode,
		ReadTimeout:  p.ReadTimeout,
		WriteTimeout: p.WriteTimeout,
	}
}

// awaitStore opens the store, and waits for a database that cannot be reached
// for as long as ctx lasts: the gateway is not ready meanwhile, but it does not
// die with a database that restarts.
func awaitStore(ctx context.Context, c config, logger *slog.Logger) (*store.Store, *secrets.Keyring, error) {
	const wait = 2 * time.Second
	for {
		s, keyring, err := openStore(ctx, c, logger)
		if err == nil || gateway.KindOf(err) != gateway.Unavailable {
			return s, keyring, err
		}
		logger.Error("the store cannot be reached, trying again", "error", err, "wait", wait.String())
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, nil, err
		case <-timer.C:
		}
	}
}

// makeDefaultSetting makes the provider setting of OPENAI_API_KEY, once: when
// there is no setting at all. The audit log says that it was the gateway.
func (s *system) makeDefaultSetting(ctx context.Context) error {
	if s.config.OpenAIKey.Empty() {
		return nil
	}
	settings, err := s.db.Settings(ctx, nil)
	if err != nil {
		return fmt.Errorf("make default provider setting: %w", err)
	}
	if len(settings) > 0 {
		return nil
	}
	ctx = audit.By(ctx, audit.Author{ID: "gateway", Name: "the gateway at its start", Operation: "makeDefaultSetting", View: admin.View})
	setting := &gateway.ProviderSetting{Name: "default", Provider: "openai", APIKey: s.config.OpenAIKey}
	if err := s.db.CreateSetting(ctx, setting); err != nil {
		return fmt.Errorf("make default provider setting: %w", err)
	}
	s.logger.Info("made the provider setting of OPENAI_API_KEY", "setting_id", setting.ID)
	return nil
}
