package event

import (
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	eventv1 "github.com/bricks-gateway/bricks/proto/event/v1"
)

func toProto(e *gateway.Event) *eventv1.Event {
	var accounts []string
	for _, a := range e.Accounts {
		accounts = append(accounts, string(a))
	}
	return &eventv1.Event{
		Id: e.ID, CreatedAtUs: e.CreatedAt.UnixMicro(), KeyId: e.KeyID, Tags: e.Tags, SettingId: e.SettingID,
		Provider: e.Provider, Path: e.Path, Method: e.Method, Operation: e.Operation, Status: int32(e.Status),
		RequestModel: e.RequestModel, ResponseModel: e.ResponseModel,
		Usage: &eventv1.Usage{
			InputTokens: e.Usage.InputTokens, CacheReadTokens: e.Usage.CacheReadTokens,
			CacheWrite_5MTokens: e.Usage.CacheWrite5mTokens, CacheWrite_1HTokens: e.Usage.CacheWrite1hTokens,
			OutputTokens: e.Usage.OutputTokens, ReasoningTokens: e.Usage.ReasoningTokens,
			AudioInputTokens: e.Usage.AudioInputTokens, AudioOutputTokens: e.Usage.AudioOutputTokens,
			CacheReadAudioTokens: e.Usage.CacheReadAudioTokens, ImageInputTokens: e.Usage.ImageInputTokens, ImageOutputTokens: e.Usage.ImageOutputTokens,
			Images: e.Usage.Images, Milliseconds: e.Usage.Milliseconds, Characters: e.Usage.Characters,
			Queries: e.Usage.Queries, Pages: e.Usage.Pages, WebSearches: e.Usage.WebSearches,
		},
		PriceModel: e.PriceModel, PriceTerms: e.PriceTerms,
		Cost: int64(e.Cost), PriceStatus: string(e.PriceStatus), Estimated: e.Estimated, Incomplete: e.Incomplete,
		LatencyUs: e.Latency.Microseconds(), TimeToFirstTokenUs: e.TimeToFirstToken.Microseconds(),
		Attempts: int32(e.Attempts), Streamed: e.Streamed, CustomId: e.CustomID, UserId: e.UserID,
		CorrelationId: e.CorrelationID, Metadata: e.Metadata, Action: e.Action, PolicyId: e.PolicyID, RouteId: e.RouteID,
		RefusalCode: e.RefusalCode, RefusedCount: int32(e.RefusedCount), Request: e.Request, Response: e.Response, Accounts: accounts,
		Job: e.Job, Findings: e.Findings,
	}
}

func fromProto(p *eventv1.Event) *gateway.Event {
	u := p.GetUsage()
	var accounts []gateway.AccountID
	for _, a := range p.Accounts {
		accounts = append(accounts, gateway.AccountID(a))
	}
	return &gateway.Event{
		ID: p.Id, CreatedAt: time.UnixMicro(p.CreatedAtUs).UTC(), KeyID: p.KeyId, Tags: p.Tags, SettingID: p.SettingId,
		Provider: p.Provider, Path: p.Path, Method: p.Method, Operation: p.Operation, Status: int(p.Status),
		RequestModel: p.RequestModel, ResponseModel: p.ResponseModel,
		Usage: gateway.Usage{
			InputTokens: u.GetInputTokens(), CacheReadTokens: u.GetCacheReadTokens(),
			CacheWrite5mTokens: u.GetCacheWrite_5MTokens(), CacheWrite1hTokens: u.GetCacheWrite_1HTokens(),
			OutputTokens: u.GetOutputTokens(), ReasoningTokens: u.GetReasoningTokens(),
			AudioInputTokens: u.GetAudioInputTokens(), AudioOutputTokens: u.GetAudioOutputTokens(),
			CacheReadAudioTokens: u.GetCacheReadAudioTokens(), ImageInputTokens: u.GetImageInputTokens(), ImageOutputTokens: u.GetImageOutputTokens(),
			Images: u.GetImages(), Milliseconds: u.GetMilliseconds(), Characters: u.GetCharacters(),
			Queries: u.GetQueries(), Pages: u.GetPages(), WebSearches: u.GetWebSearches(),
		},
		PriceModel: p.PriceModel, PriceTerms: p.PriceTerms,
		Cost: gateway.NanoUSD(p.Cost), PriceStatus: gateway.PriceStatus(p.PriceStatus), Estimated: p.Estimated, Incomplete: p.Incomplete,
		Latency: time.Duration(p.LatencyUs) * time.Microsecond, TimeToFirstToken: time.Duration(p.TimeToFirstTokenUs) * time.Microsecond,
		Attempts: int(p.Attempts), Streamed: p.Streamed, CustomID: p.CustomId, UserID: p.UserId,
		CorrelationID: p.CorrelationId, Metadata: p.Metadata, Action: p.Action, PolicyID: p.PolicyId, RouteID: p.RouteId,
		RefusalCode: p.RefusalCode, RefusedCount: int(p.RefusedCount), Request: p.Request, Response: p.Response, Accounts: accounts,
		Job: p.Job, Findings: p.Findings,
	}
}
