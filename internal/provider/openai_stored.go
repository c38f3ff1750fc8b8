package provider

// openAIStored are the calls about what the provider keeps: they bill nothing,
// but for batches, whose cost nobody knows before they are done.
var openAIStored = []Endpoint{
	get("/v1/chat/completions", "list_chat_completions"),
	get("/v1/chat/completions/{completion_id}", "get_chat_completion"),
	post("/v1/chat/completions/{completion_id}", "update_chat_completion"),
	remove("/v1/chat/completions/{completion_id}", "delete_chat_completion"),
	get("/v1/chat/completions/{completion_id}/messages", "list_chat_completion_messages"),

	act("/v1/conversations", "create_conversation"),
	get("/v1/conversations/{conversation_id}", "get_conversation"),
	post("/v1/conversations/{conversation_id}", "update_conversation"),
	remove("/v1/conversations/{conversation_id}", "delete_conversation"),
	get("/v1/conversations/{conversation_id}/items", "list_conversation_items"),
	post("/v1/conversations/{conversation_id}/items", "create_conversation_items"),
	get("/v1/conversations/{conversation_id}/items/{item_id}", "get_conversation_item"),
	remove("/v1/conversations/{conversation_id}/items/{item_id}", "delete_conversation_item"),

	get("/v1/files", "list_files"),
	upload("/v1/files", "create_file"),
	get("/v1/files/{file_id}", "get_file"),
	remove("/v1/files/{file_id}", "delete_file"),
	download("/v1/files/{file_id}/content", "get_file_content"),

	post("/v1/uploads", "create_upload"),
	upload("/v1/uploads/{upload_id}/parts", "create_upload_part"),
	post("/v1/uploads/{upload_id}/complete", "complete_upload"),
	act("/v1/uploads/{upload_id}/cancel", "cancel_upload"),

	get("/v1/batches", "list_batches"),
	later(post("/v1/batches", "create_batch")),
	get("/v1/batches/{batch_id}", "get_batch"),
	act("/v1/batches/{batch_id}/cancel", "cancel_batch"),

	get("/v1/vector_stores", "list_vector_stores"),
	post("/v1/vector_stores", "create_vector_store"),
	get("/v1/vector_stores/{vector_store_id}", "get_vector_store"),
	post("/v1/vector_stores/{vector_store_id}", "update_vector_store"),
	remove("/v1/vector_stores/{vector_store_id}", "delete_vector_store"),
	post("/v1/vector_stores/{vector_store_id}/search", "search_vector_store"),
	get("/v1/vector_stores/{vector_store_id}/files", "list_vector_store_files"),
	post("/v1/vector_stores/{vector_store_id}/files", "create_vector_store_file"),
	get("/v1/vector_stores/{vector_store_id}/files/{file_id}", "get_vector_store_file"),
	post("/v1/vector_stores/{vector_store_id}/files/{file_id}", "update_vector_store_file"),
	remove("/v1/vector_stores/{vector_store_id}/files/{file_id}", "delete_vector_store_file"),
	get("/v1/vector_stores/{vector_store_id}/files/{file_id}/content", "get_vector_store_file_content"),
	post("/v1/vector_stores/{vector_store_id}/file_batches", "create_vector_store_file_batch"),
	get("/v1/vector_stores/{vector_store_id}/file_batches/{batch_id}", "get_vector_store_file_batch"),
	act("/v1/vector_stores/{vector_store_id}/file_batches/{batch_id}/cancel", "cancel_vector_store_file_batch"),
	get("/v1/vector_stores/{vector_store_id}/file_batches/{batch_id}/files", "list_vector_store_file_batch_files"),
}

// openAIAssistants are assistants and threads. OpenAI has ended them; servers
// that are compatible with it have them still.
var openAIAssistants = []Endpoint{
	get("/v1/assistants", "list_assistants"),
	post("/v1/assistants", "create_assistant"),
	get("/v1/assistants/{assistant_id}", "get_assistant"),
	post("/v1/assistants/{assistant_id}", "update_assistant"),
	remove("/v1/assistants/{assistant_id}", "delete_assistant"),
	get("/v1/assistants/{assistant_id}/files", "list_assistant_files"),
	post("/v1/assistants/{assistant_id}/files", "create_assistant_file"),
	get("/v1/assistants/{assistant_id}/files/{file_id}", "get_assistant_file"),
	remove("/v1/assistants/{assistant_id}/files/{file_id}", "delete_assistant_file"),

	act("/v1/threads", "create_thread"),
	run("/v1/threads/runs", "create_thread_and_run"), // before {thread_id}
	get("/v1/threads/{thread_id}", "get_thread"),
	post("/v1/threads/{thread_id}", "update_thread"),
	remove("/v1/threads/{thread_id}", "delete_thread"),
	get("/v1/threads/{thread_id}/messages", "list_messages"),
	post("/v1/threads/{thread_id}/messages", "create_message"),
	get("/v1/threads/{thread_id}/messages/{message_id}", "get_message"),
	post("/v1/threads/{thread_id}/messages/{message_id}", "update_message"),
	remove("/v1/threads/{thread_id}/messages/{message_id}", "delete_message"),
	get("/v1/threads/{thread_id}/messages/{message_id}/files", "list_message_files"),
	get("/v1/threads/{thread_id}/messages/{message_id}/files/{file_id}", "get_message_file"),
	get("/v1/threads/{thread_id}/runs", "list_runs"),
	run("/v1/threads/{thread_id}/runs", "create_run"),
	get("/v1/threads/{thread_id}/runs/{run_id}", "get_run"),
	post("/v1/threads/{thread_id}/runs/{run_id}", "update_run"),
	act("/v1/threads/{thread_id}/runs/{run_id}/cancel", "cancel_run"),
	run("/v1/threads/{thread_id}/runs/{run_id}/submit_tool_outputs", "submit_tool_outputs"),
	get("/v1/threads/{thread_id}/runs/{run_id}/steps", "list_run_steps"),
	get("/v1/threads/{thread_id}/runs/{run_id}/steps/{step_id}", "get_run_step"),
}

// run is a call that lets an assistant work: for how long is its own affair.
func run(path, operation string) Endpoint {
	return Endpoint{
		Method: "POST", Path: path, Operation: operation, Body: JSONBody, Meter: MeterRun,
		Streams: true, ModelOptional: true, Unbounded: true,
	}
}
