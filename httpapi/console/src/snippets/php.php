<?php
// Serve it with: php -S 127.0.0.1:9000 receiver.php

function verify(string $secret, string $id, string $timestamp, string $signatures, string $body, int $now): bool
{
    if (!ctype_digit($timestamp) || abs($now - (int) $timestamp) > 300) {
        return false;
    }
    $key = base64_decode(str_starts_with($secret, 'whsec_') ? substr($secret, 6) : $secret);
    $expected = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$timestamp.$body", $key, true));
    $valid = false;
    foreach (explode(' ', $signatures) as $signature) {
        $valid = hash_equals($expected, $signature) || $valid;
    }
    return $valid;
}

$id = $_SERVER['HTTP_WEBHOOK_ID'] ?? '';
$timestamp = $_SERVER['HTTP_WEBHOOK_TIMESTAMP'] ?? '';
$signatures = $_SERVER['HTTP_WEBHOOK_SIGNATURE'] ?? '';
$body = file_get_contents('php://input'); // the signature is over these bytes

if (!verify(getenv('WEBHOOK_SECRET'), $id, $timestamp, $signatures, $body, time())) {
    http_response_code(401);
    exit;
}
// Store the id and the body here, unless the id is known already. Work on it later.
error_log("received $id $body");
http_response_code(204);
